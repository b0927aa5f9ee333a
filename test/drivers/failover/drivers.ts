import { access, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { programMissing, runProgram } from '../../support/programs.ts';
import type { Cleanup } from '../../support/servers.ts';

/** `defaults`: as in the first example of a driver's manual. `recommended`: as in docs/guides/drivers.md. */
export const allSettings = ['defaults', 'recommended'] as const;
export type Settings = (typeof allSettings)[number];

/** How to start a program that inserts numbered rows through a driver. */
export interface Launch {
  readonly file: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface DriverUnderTest {
  /** As on the command line. */
  readonly name: string;
  /** As in the table and the guide. */
  readonly title: string;
  readonly cluster: 'pg' | 'mysql';
  /** Where the recommended code is, below `programs`. */
  readonly snippet: string;
  /** False where everything is installed, else what is not, and the Debian package that holds it. */
  missing(t: Cleanup): Promise<false | string>;
  /** `classes`: where the compiled Java programs are. */
  launch(settings: Settings, classes: string): Promise<Launch>;
}

export const programs = join(import.meta.dirname, 'programs');

/** An npm package of this project's own. */
const node = (name: string, title: string, cluster: 'pg' | 'mysql'): DriverUnderTest => ({
  ...{ name, title, cluster, snippet: `node/${name}-recommended.mjs` },
  missing: async () => false,
  launch: async (settings) => ({
    file: process.execPath,
    args: [join(programs, 'node/write.mjs'), `./${name}-${settings}.mjs`],
    env: { DRIVER_VERSION: await versionOf(name) },
  }),
});

async function versionOf(npmPackage: string): Promise<string> {
  const file = new URL(`../../../node_modules/${npmPackage}/package.json`, import.meta.url);
  return (JSON.parse(await readFile(file, 'utf8')) as { readonly version: string }).version;
}

/** Debian's, whose modules another Python on the PATH would not find. */
const debianPython = '/usr/bin/python3';

const python = (
  name: string,
  title: string,
  { modules, packages }: { readonly modules: string; readonly packages: string },
): DriverUnderTest => ({
  ...{ name, title, cluster: 'pg', snippet: `python/${name}_recommended.py` },
  missing: (t) =>
    failing(t, debianPython, ['-c', `import ${modules}`], `no Python module ${modules}: ${packages}`),
  launch: async (settings) => ({
    file: debianPython,
    // Nothing is written beside the programs.
    args: ['-B', join(programs, 'python/write.py'), `${name}_${settings}`, modules.split(',')[0] ?? ''],
  }),
});

const php = (
  name: string,
  title: string,
  cluster: 'pg' | 'mysql',
  debianPackage: string,
): DriverUnderTest => ({
  ...{ name, title, cluster, snippet: `php/${name}_recommended.php` },
  missing: (t) =>
    failing(
      ...([t, 'php', ['-r', `exit(extension_loaded('${name}') ? 0 : 1);`]] as const),
      `PHP has no ${name}: php-cli ${debianPackage}`,
    ),
  launch: async (settings) => ({
    file: 'php',
    args: [join(programs, 'php/write.php'), join(programs, `php/${name}_${settings}.php`)],
  }),
});

const jars = '/usr/share/java';
/** Hikari, and what it logs with. */
export const poolJars = ['HikariCP', 'slf4j-api', 'slf4j-nop'].map((name) => join(jars, `${name}.jar`));

interface Jar {
  readonly className: string;
  /** Null where nobody said. */
  readonly jar: string | null;
  readonly from: string;
}

const java = (
  name: string,
  title: string,
  cluster: 'pg' | 'mysql',
  { className, jar, from }: Jar,
): DriverUnderTest => ({
  ...{ name, title, cluster, snippet: `java/${className}Recommended.java` },
  async missing() {
    if (programMissing('javac') !== false) return 'no Java compiler: default-jdk-headless';
    if (!(await isThere(poolJars[0]))) return 'no HikariCP: libhikaricp-java libslf4j-java';
    return (await isThere(jar ?? undefined)) ? false : `no jar of it: ${from}`;
  },
  async launch(settings, classes) {
    return {
      file: 'java',
      args: [
        ...['-Xmx96m', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC'],
        ...['-cp', [classes, jar, ...poolJars].join(':'), 'Write', `${className}${capitalised(settings)}`],
      ],
    };
  },
});

const capitalised = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1);

const psql: DriverUnderTest = {
  ...{ name: 'psql', title: 'psql (libpq)', cluster: 'pg', snippet: 'shell/psql_recommended.sh' },
  missing: async () =>
    programMissing('psql') === false ? false : 'psql is not installed: postgresql-client',
  launch: async (settings) => ({
    file: 'bash',
    args: [join(programs, 'shell/write.sh'), join(programs, `shell/psql_${settings}.sh`)],
  }),
};

export const driversUnderTest: readonly DriverUnderTest[] = [
  psql,
  python('psycopg2', 'psycopg2', { modules: 'psycopg2', packages: 'python3-psycopg2' }),
  python('psycopg3', 'psycopg 3', {
    modules: 'psycopg, psycopg_pool',
    packages: 'python3-psycopg python3-psycopg-pool',
  }),
  node('pg', 'node-postgres', 'pg'),
  node('postgres', 'Postgres.js', 'pg'),
  java('pgjdbc', 'PgJDBC, HikariCP', 'pg', {
    className: 'PgJdbc',
    jar: join(jars, 'postgresql.jar'),
    from: 'libpostgresql-jdbc-java',
  }),
  php('pdo_pgsql', 'PHP, PDO pgsql', 'pg', 'php-pgsql'),
  node('mysql2', 'mysql2', 'mysql'),
  node('mariadb', 'mariadb (Node.js)', 'mysql'),
  java('mariadb-java', 'MariaDB Connector/J, HikariCP', 'mysql', {
    className: 'MariadbConnectorJ',
    jar: join(jars, 'mariadb-java-client.jar'),
    from: 'libmariadb-java',
  }),
  java('mysql-java', 'MySQL Connector/J, HikariCP', 'mysql', {
    className: 'MysqlConnectorJ',
    jar: process.env.AURELAY_TEST_CONNECTORJ ?? null,
    from: 'Debian has none; set AURELAY_TEST_CONNECTORJ to the path of mysql-connector-j-VERSION.jar',
  }),
  php('pdo_mysql', 'PHP, PDO mysql', 'mysql', 'php-mysql'),
];

/** Compiles the Java programs into `folder`. */
export async function compileJava(t: Cleanup, folder: string): Promise<void> {
  const below = join(programs, 'java');
  const files = (await readdir(below)).map((name) => join(below, name));
  const args = ['-d', folder, '-cp', poolJars.join(':'), ...files];
  const { status, stderr } = await runProgram(t, 'javac', args, { timeoutMs: 120_000 });
  if (status !== 0) throw new Error(`javac could not compile the programs: ${stderr}`);
}

const isThere = (file: string | undefined): Promise<boolean> =>
  file === undefined
    ? Promise.resolve(false)
    : access(file).then(
        () => true,
        () => false,
      );

const failing = (
  t: Cleanup,
  file: string,
  args: readonly string[],
  otherwise: string,
): Promise<false | string> =>
  runProgram(t, file, args).then(
    ({ status }) => (status === 0 ? false : otherwise),
    () => otherwise,
  );
