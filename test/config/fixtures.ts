/** The environment of the golden files: whatever holds `s3cret` must never be shown. */
export const environment = { SECRET: 's3cret-from-the-environment', ENGINE: 'postgers-s3cret', NUMBER: '77' };

const secretFiles: Readonly<Record<string, string>> = {
  '/secrets/good': 's3cret-from-a-file\n',
  '/secrets/empty': '\n',
  '/secrets/two-lines': 's3cret\ns3cret\n',
};

export function readSecretFile(path: string): string {
  const content = secretFiles[path];
  if (content !== undefined) return content;
  throw Object.assign(new Error(`ENOENT: no such file or directory, open '${path}'`), { code: 'ENOENT' });
}

/** A configuration without a mistake or a warning, for tests that change one thing in it. */
export const goodText = `
state_dir: /var/lib/aurelay
clusters:
  orders:
    engine: postgres
    monitor: { user: aurelay, password: literal-hunter2, database: postgres }
    failover: { mode: automatic }
    instances:
      orders-1: { address: db1:5432, zone: a, promotion_tier: 0, weight: 2, tags: { size: large } }
      orders-2: { address: db2:5432, zone: b }
    endpoints:
      writer: { type: writer, listen: 127.0.0.1:6432 }
      reader: { type: reader, listen: 127.0.0.1:6433, max_lag: 5s }
      analytics: { type: custom, listen: 127.0.0.1:6434, members: { static: [orders-2] } }
`;
