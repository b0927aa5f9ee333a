import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { type Lock, productionLock } from '../../scripts/production-lock.ts';
import { loadConfig } from '../../src/config/load.ts';

/** What can be said of the Docker files without Docker. */

interface Service {
  readonly image: string;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly hostname?: string;
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly healthcheck?: object;
}

const root = join(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

const composeText = read('docker-compose.yml');
const compose = parse(composeText, { merge: true }) as {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
};
const services = Object.entries(compose.services);
const databases = services.filter(([name]) => /^(pg|mysql)-\d$/.test(name));
const dockerfile = read('Dockerfile');
const stages = dockerfile.split(/^FROM /m).slice(1);
const finalStage = stages.at(-1) ?? '';

/** `SOURCE:TARGET[:MODE]` of every mount. */
const mounts = services.flatMap(([service, { volumes = [] }]) =>
  volumes.map((mount) => {
    const [source = '', target = '', mode = ''] = mount.split(':');
    return { service, source, target, mode };
  }),
);
const isPath = (source: string): boolean => source.startsWith('.');

/** `${NAME:-default}` as compose reads it, with nothing in the environment. */
const withDefaults = (text: string): string => text.replace(/\$\{\w+:-([^}]*)\}/g, '$1');

const published = services.flatMap(([, { ports = [] }]) => ports).map(withDefaults);

const serviceOf = (name: string): Service => {
  const service = compose.services[name];
  assert.ok(service, `no service ${name}`);
  return service;
};

const loadAurelay = () => {
  const result = loadConfig({
    text: read('config/docker/aurelay.yaml'),
    file: 'config/docker/aurelay.yaml',
    env: Object.fromEntries(
      Object.entries(serviceOf('aurelay').environment ?? {}).map(([name, text]) => [
        name,
        withDefaults(text),
      ]),
    ),
    readFile: () => assert.fail('no secret is read from a file'),
  });
  assert.ok(result.ok, JSON.stringify(result));
  return result.config;
};

test('the ports are those of the demo, on this machine only by default', () => {
  const ports = [6432, 6433, 6434, 6306, 6307, 6308, 8080, 9090, 3000];
  assert.deepEqual(
    published,
    ports.map((port) => `127.0.0.1:${port}:${port}`),
  );
});

test('no setting publishes the admin API to the network', () => {
  const admin = serviceOf('aurelay').ports?.filter((port) => port.endsWith(':8080'));
  assert.deepEqual(admin, ['127.0.0.1:8080:8080']);
});

test('Aurelay reads its configuration, and listens where the ports lead', () => {
  const config = loadAurelay();
  const listening = [...config.clusters.values()].flatMap((cluster) =>
    [...cluster.endpoints.values()].map(({ listen }) => listen),
  );
  for (const { host, port } of [...listening, config.admin.listen]) {
    assert.equal(host, '0.0.0.0', `a published port does not reach ${host}:${port} in a container`);
  }
  const inside = listening.map(({ port }) => port);
  const outside = (serviceOf('aurelay').ports ?? []).map((port) => Number(port.split(':').at(-1)));
  assert.deepEqual([...inside, config.admin.listen.port], outside);
  assert.equal(config.stateDir, '/var/lib/aurelay');
  assert.ok(mounts.some(({ service, target }) => service === 'aurelay' && target === config.stateDir));
});

test('the instances are the services, and each server knows the same others', () => {
  for (const cluster of loadAurelay().clusters.values()) {
    const names = [...cluster.instances.keys()];
    assert.deepEqual(
      names,
      databases.map(([name]) => name).filter((name) => name.startsWith(cluster.id)),
    );
    for (const instance of cluster.instances.values()) {
      const { hostname, environment } = serviceOf(instance.id);
      assert.equal(instance.address.host, instance.id);
      assert.equal(hostname, instance.id, 'the scripts know a server by its host name');
      assert.equal(environment?.SERVERS, names.join(' '));
      assert.equal(environment?.FIRST_WRITER, names[0]);
    }
  }
});

test('the users that Aurelay logs in as are the ones that the servers create', () => {
  for (const { engine, monitor, replication } of loadAurelay().clusters.values()) {
    const script = read(`config/docker/${engine}/init.sh`);
    for (const user of [monitor.user, replication?.user]) {
      assert.match(script, new RegExp(`CREATE (ROLE|USER) ${user}\\b`));
    }
  }
});

test('every MySQL server has an id of its own', () => {
  const ids = databases
    .filter(([name]) => name.startsWith('mysql'))
    .map(([, { command }]) => command?.find((option) => option.startsWith('--server-id=')));
  assert.equal(new Set(ids).size, 3, ids.join(' '));
  assert.ok(ids.every((id) => id !== undefined));
});

test('every image is pinned', () => {
  for (const [name, { image }] of services) {
    assert.match(image, /^[\w./-]+:(?!latest)[\w.-]+$/, `${name}: ${image}`);
  }
  assert.match(dockerfile, /^ARG NODE_IMAGE=node:\d+-\w+[\d.]+$/m);
});

test('everything that is mounted exists, read-only', () => {
  for (const { source, mode } of mounts.filter((mount) => isPath(mount.source))) {
    assert.ok(existsSync(join(root, source)), `${source} is mounted, and does not exist`);
    assert.equal(mode, 'ro', source);
  }
});

test('every named volume is declared, and every declared one is used', () => {
  const used = mounts.filter(({ source }) => !isPath(source)).map(({ source }) => source);
  assert.deepEqual([...new Set(used)].sort(), Object.keys(compose.volumes).sort());
});

test('no two servers share a data folder', () => {
  const data = mounts.filter(({ target }) => ['/var/lib/postgresql', '/var/lib/mysql'].includes(target));
  assert.equal(data.length, databases.length);
  assert.equal(new Set(data.map(({ source }) => source)).size, databases.length);
});

test('every database and Aurelay itself are watched for their health', () => {
  for (const [name, { healthcheck }] of [...databases, ['aurelay', serviceOf('aurelay')] as const]) {
    assert.ok(healthcheck, name);
  }
});

test('.env.example names every variable of the compose file with its default', () => {
  const defaults = new Map(
    [...composeText.matchAll(/\$\{(\w+):-([^}]*)\}/g)].map(([, name, value]) => [name, value]),
  );
  const listed = new Map(
    [...read('.env.example').matchAll(/^(\w+)=(.*)$/gm)].map(([, name, value]) => [name, value]),
  );
  assert.deepEqual([...listed].sort(), [...defaults].sort());
  assert.doesNotMatch(composeText, /\$\{\w+\}/, 'a variable without a default');
});

test('every script is sound shell', () => {
  const scripts = readdirSync(join(root, 'config/docker'), { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.endsWith('.sh'),
  );
  assert.ok(scripts.length >= 7, scripts.join(' '));
  for (const script of scripts) {
    const { status, stderr } = spawnSync('bash', ['-n', join(root, 'config/docker', script)], {
      encoding: 'utf8',
    });
    assert.equal(status, 0, `${script}: ${stderr}`);
  }
});

test('the image is built in stages, runs as a plain user, and says how it is', () => {
  assert.ok(stages.length >= 2);
  const [, user] = /^USER (\S+)$/m.exec(finalStage) ?? [];
  assert.match(user ?? '', /^[1-9]\d*(:\d+)?$/, 'a number, and not root');
  assert.match(finalStage, /^HEALTHCHECK [^\n]*\\\n\s+CMD \["node", /m);
  assert.match(finalStage, /^STOPSIGNAL SIGTERM$/m);
  assert.match(finalStage, /^VOLUME \/var\/lib\/aurelay$/m);
  assert.match(finalStage, /^ENTRYPOINT \["node", "\/app\/dist\/cli\.js"\]$/m);
  assert.match(finalStage, /^CMD \["start", "-c", "\/etc\/aurelay\/aurelay\.yaml"\]$/m);
  assert.match(dockerfile, /npm ci --omit=dev --ignore-scripts/);
  assert.match(finalStage, /^scratch\n/, 'nothing that was removed is left in a layer below');
  assert.doesNotMatch(dockerfile, /curl|wget/);
});

test('the image ends up where the package says that the command is', () => {
  const { bin } = JSON.parse(read('package.json')) as { bin: { aurelay: string } };
  assert.match(finalStage, new RegExp(`^ENTRYPOINT .*"/app/${bin.aurelay}"`, 'm'));
});

test('the image says which version and build it is', () => {
  const { version } = JSON.parse(read('package.json')) as { version: string };
  assert.match(finalStage, new RegExp(`^ARG AURELAY_VERSION=${version}$`, 'm'));
  assert.match(finalStage, /image\.version="\$\{AURELAY_VERSION\}"/);
  assert.match(finalStage, /image\.revision="\$\{AURELAY_BUILD\}"/);
  const [buildStage = ''] = stages;
  const build = buildStage.indexOf('npm run build');
  const argument = buildStage.indexOf('ARG AURELAY_BUILD');
  assert.ok(argument !== -1 && argument < build, 'the stamp is made with it');
});

test('what the image adds to its base is small', () => {
  const [, folders = ''] = /RUN find node_modules ([\s\S]+?) -delete/.exec(dockerfile) ?? [];
  const left = [...folders.matchAll(/(?<!! )-name '\*(\.\w+)'/g)].map(([, ending = '']) => ending);
  assert.ok(left.length >= 4);
  const lock = JSON.parse(read('package-lock.json')) as Lock;
  const sizes = Object.keys(productionLock(lock).packages)
    .filter((folder) => folder !== '')
    .flatMap((folder) => filesBelow(join(root, folder)))
    .filter((file) => !left.some((ending) => file.endsWith(ending)))
    .map((file) => statSync(file).size);
  const megabytes = sizes.reduce((sum, size) => sum + size, 0) / 1e6;
  assert.ok(megabytes > 5, 'the dependencies were found');
  // With the compiled code, 2 MB at most (test/package), and the native relay 35 MB would still leave the image below 200.
  assert.ok(megabytes < 16, `${megabytes} MB of dependencies`);
});

/** What a package has, but not what is nested in it: that has a line of its own in the lock file. */
const filesBelow = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.slice(folder.length).includes('node_modules'))
    .map((entry) => join(entry.parentPath, entry.name));

test('.dockerignore lets in what the Dockerfile copies, and nothing else', () => {
  const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+)$/gm)]
    .flatMap(([, paths = '']) => paths.split(' ').slice(0, -1))
    .map((path) => path.replace('*', ''));
  const lines = read('.dockerignore')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  assert.equal(lines[0], '*');
  assert.deepEqual(lines.slice(1).sort(), [...new Set(copied)].map((path) => `!${path}`).sort());
});
