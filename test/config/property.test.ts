// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${NAME} is a reference of the configuration
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { stringify } from 'yaml';
import { clusterId } from '../../src/base/brand.ts';
import { type LoadResult, loadConfig } from '../../src/config/load.ts';
import { configOutline, type Outline } from '../../src/config/outline.ts';
import { checkReport } from '../../src/config/report.ts';
import { goodText, readSecretFile } from './fixtures.ts';

const golden = new URL('golden/', import.meta.url);
const corpus = [
  goodText,
  readFileSync(new URL('../../config/aurelay.example.yaml', import.meta.url), 'utf8'),
  ...readdirSync(golden)
    .filter((name) => name.endsWith('.yaml.in'))
    .map((name) => readFileSync(new URL(name, golden), 'utf8')),
];

const load = (text: string, env: Record<string, string> = {}): LoadResult =>
  loadConfig({ text, file: 'fuzz.yaml', env, readFile: readSecretFile });

/** A configuration, or at least one error; every diagnostic within the file and its excerpt. */
function assertSound(text: string, result: LoadResult): void {
  if (!result.ok) assert.ok(result.diagnostics.some(({ severity }) => severity === 'error'));
  const lines = text.split('\n');
  for (const one of result.ok ? result.warnings : result.diagnostics) {
    const line = lines[one.line - 1];
    assert.ok(line !== undefined, `line ${one.line} of ${lines.length}`);
    assert.ok(one.column >= 1 && one.column <= line.length + 1, `column ${one.column} of ${line.length}`);
    assert.ok(one.excerpt.start <= one.excerpt.text.length + 1 && one.excerpt.length >= 1);
    assert.ok(one.excerpt.text.length <= 122);
  }
  checkReport(result, { color: true });
  JSON.parse(checkReport(result, { json: true }));
}

const token = fc.constantFrom(
  ...[
    '{',
    '}',
    '[',
    ']',
    ':',
    ': ',
    '- ',
    ', ',
    '? ',
    '#',
    '&a ',
    '*a',
    '!t ',
    '|',
    '>',
    '"',
    "'",
    '\\',
    '%',
    '@',
  ],
  ...[
    '\n',
    '\n  ',
    '\t',
    ' ',
    '---\n',
    '...\n',
    '<<: ',
    '~',
    '${',
    '${X}',
    '${X:-y}',
    '$$',
    '\ufeff',
    '\r\n',
    '\u0000',
  ],
  ...['clusters', 'orders', 'monitor', 'password', 'endpoints', 'writer', '__proto__', '\ue100', '\u{1f600}'],
);

interface Edit {
  readonly at: number;
  readonly remove: number;
  readonly insert: string;
}

const edits = fc.array(
  fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    remove: fc.nat({ max: 12 }),
    insert: fc.oneof(token, fc.constant('')),
  }),
  { minLength: 1, maxLength: 4 },
);

const edited = (text: string, changes: readonly Edit[]): string =>
  changes.reduce((now, { at, remove, insert }) => {
    const from = Math.floor(at * now.length);
    return now.slice(0, from) + insert + now.slice(from + remove);
  }, text);

test('any text gives diagnostics or a configuration', () => {
  const noise = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 200 }),
    fc.array(token, { maxLength: 60 }).map((parts) => parts.join('')),
  );
  fc.assert(
    fc.property(noise, (text) => assertSound(text.replace(/^\ufeff/, ''), load(text))),
    { numRuns: 500 },
  );
});

test('any edit of a configuration gives diagnostics or a configuration', () => {
  fc.assert(
    fc.property(fc.constantFrom(...corpus), edits, (text, changes) => {
      const changed = edited(text, changes).replace(/^\ufeff+/, '');
      assertSound(changed, load(changed, { X: 'x' }));
    }),
    { numRuns: 500 },
  );
});

/** Any value where the schema has something else, as deep as it goes. */
const anyValue = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom(
      'writer',
      '5s',
      '30',
      'db1:5432',
      '127.0.0.1:6432',
      'automatic',
      '',
      'a b',
      null,
      7,
      true,
      -0.5,
    ),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(
      fc.constantFrom('type', 'static', 'tags', 'user', 'x', 'constructor', 'address'),
      tie('value'),
      {
        maxKeys: 3,
      },
    ),
  ),
})).value;

function anyOf(node: Outline): fc.Arbitrary<unknown> {
  const shaped: Record<Outline['kind'], () => fc.Arbitrary<unknown>> = {
    value: () => {
      const { value } = node as Extract<Outline, { kind: 'value' }>;
      return fc.constantFrom(value.example, ...(value.choices ?? []));
    },
    list: () => fc.array(anyOf((node as Extract<Outline, { kind: 'list' }>).of), { maxLength: 3 }),
    named: () => {
      const names = fc.constantFrom('orders-1', 'orders-2', 'writer', 'Bad Name', 'tostring');
      return fc.dictionary(names, anyOf((node as Extract<Outline, { kind: 'named' }>).of), { maxKeys: 3 });
    },
    section: () => {
      const { keys } = node as Extract<Outline, { kind: 'section' }>;
      const shape = Object.fromEntries([...keys.values()].map((key) => [key.name, anyOf(key.node)]));
      const requiredKeys = [...keys.values()].filter((key) => key.required).map((key) => key.name);
      return fc.record(shape, { requiredKeys });
    },
  };
  return fc.oneof({ arbitrary: shaped[node.kind](), weight: 40 }, { arbitrary: anyValue, weight: 1 });
}

test('any YAML in the shape of the schema, or nearly, gives diagnostics or a configuration', () => {
  fc.assert(
    fc.property(anyOf(configOutline), (value) => {
      const text = stringify(value);
      assertSound(text, load(text));
    }),
    { numRuns: 300 },
  );
});

const optional = <Value>(arbitrary: fc.Arbitrary<Value>) => fc.option(arbitrary, { nil: undefined });
const duration = fc.constantFrom('100ms', '1.5s', '30s', '5m');

/** A cluster with nothing wrong in it; each has its own ports. */
const validCluster = (number: number) =>
  fc.integer({ min: 2, max: 16 }).chain((count) => {
    const ids = Array.from({ length: count }, (_, index) => `db-${index}`);
    const balanced = {
      balance: optional(fc.constantFrom('round-robin', 'least-connections', 'random', 'weighted')),
      max_lag: optional(duration),
      fallback: optional(fc.constantFrom('writer', 'none')),
      slow_start: optional(duration),
    };
    const some = fc.subarray(ids, { minLength: 1 });
    const members = fc.oneof(
      fc.record({ static: some }),
      fc.record({ excluded: some }),
      fc.constant({ tags: { n: 0 } }),
    );
    const listen = (port: number) => fc.constant(`127.0.0.1:${7000 + number * 10 + port}`);
    return fc.record({
      engine: fc.constantFrom('postgres', 'mysql'),
      monitor: fc.record({
        user: fc.constant('a'),
        password: optional(fc.string({ unit: 'grapheme-ascii' })),
      }),
      failover: fc.record({ mode: fc.constantFrom('automatic', 'observe'), hold: optional(duration) }),
      instances: fc.constant(
        Object.fromEntries(ids.map((id, n) => [id, { address: `host-${n}`, weight: n + 1, tags: { n } }])),
      ),
      endpoints: fc.record({
        writer: fc.record({
          type: fc.constant('writer'),
          listen: listen(0),
          max_sessions: optional(fc.nat(99).map((n) => n + 1)),
        }),
        reader: fc.record({ type: fc.constant('reader'), listen: listen(1), ...balanced }),
        custom: fc.record({
          type: fc.constant('custom'),
          listen: listen(2),
          members,
          roles: optional(fc.constantFrom('replica', 'any')),
          ...balanced,
        }),
        one: fc.record({
          type: fc.constant('instance'),
          listen: listen(3),
          instance: fc.constantFrom(...ids),
        }),
      }),
    });
  });

test('any configuration without a mistake is accepted, its password as it was written', () => {
  const clusters = fc.record({ one: validCluster(1), two: validCluster(2) });
  fc.assert(
    fc.property(clusters, (value) => {
      const text = stringify({ state_dir: '/x', clusters: value }).replace(/\$/g, '$$$$');
      const result = load(text);
      assert.ok(result.ok, checkReport(result));
      for (const [name, { monitor, endpoints }] of Object.entries(value)) {
        const cluster = result.config.clusters.get(clusterId(name));
        assert.equal(cluster?.monitor.password, monitor.password || null);
        assert.equal(cluster?.endpoints.size, Object.keys(endpoints).length);
      }
    }),
    { numRuns: 100 },
  );
});

const secret = fc.stringMatching(/^zq[a-z0-9]{8,20}$/);

const outputs = (result: LoadResult): string =>
  JSON.stringify(result.ok ? result.warnings : result.diagnostics) +
  checkReport(result) +
  checkReport(result, { json: true });

test('a value from the environment or a password file is never shown, wherever it comes in', () => {
  const everyValue = goodText.replace(/(: )([\w/.:-]+)(?=[,}\s])/g, '$1\u0001');
  const places = [...everyValue].filter((character) => character === '\u0001').length;
  assert.ok(places >= 20);
  fc.assert(
    fc.property(
      secret,
      fc.nat({ max: places - 1 }),
      fc.option(edits),
      fc.boolean(),
      (value, place, changes, part) => {
        let index = 0;
        const text = goodText.replace(/(: )([\w/.:-]+)(?=[,}\s])/g, (whole, colon: string) =>
          index++ === place ? `${colon}${part ? 'x' : ''}\${Z}` : whole,
        );
        const withFile = text.replace('password: literal-hunter2', 'password_file: /pw');
        const changed = changes === null ? withFile : edited(withFile, changes);
        const result = loadConfig({
          text: changed,
          file: 'fuzz.yaml',
          env: { Z: value },
          readFile: () => `${value}\n${part ? value : ''}`,
        });
        assert.ok(!outputs(result).includes(value), outputs(result));
      },
    ),
    { numRuns: 500 },
  );
});

test('a password in the file is never shown, whatever is wrong around it', () => {
  fc.assert(
    fc.property(
      secret,
      fc.constantFrom('', '"', "'"),
      edits,
      fc.constantFrom('password', 'pasword'),
      (value, quote, changes, key) => {
        const marker = '\u0002';
        const changed = edited(goodText.replace('password: literal-hunter2', marker), changes);
        fc.pre(changed.includes(marker));
        const text = changed.replace(marker, `${key}: ${quote}${value}${quote}`);
        const result = load(text);
        assert.ok(!outputs(result).includes(value), outputs(result));
      },
    ),
    { numRuns: 500 },
  );
});
