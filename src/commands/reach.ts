import { readFileSync } from 'node:fs';
import type { AdminClientOptions } from '../admin/client.ts';
import type { AdminTrust } from '../admin/client-request.ts';
import { messageOf } from '../base/errors.ts';
import { formatAddress } from '../cluster/instance.ts';
import { isWildcard } from '../config/address.ts';
import type { AdminConfig } from '../config/config.ts';
import { checkReport } from '../config/report.ts';
import { tokenFlaw } from '../config/value.ts';
import { readConfig } from './read-config.ts';

/** What was said at the command line of a running Aurelay. */
export interface Reach {
  readonly admin?: string;
  readonly config?: string;
  readonly tokenFile?: string;
  readonly ca?: string;
}

/** A file that was named is no good. The message is complete, for the person at the command line. */
export class ReachInvalid extends Error {
  override readonly name = 'ReachInvalid';
}

const defaultAddress = '127.0.0.1:8080';

/**
 * The address, the token and whom to trust: each as it was said, or from the environment (`AURELAY_TOKEN`), or from the
 * configuration. Throws `ReachInvalid`.
 */
export function reachOf(
  { admin, config, tokenFile, ca }: Reach,
  env: Readonly<Record<string, string | undefined>> = process.env,
): AdminClientOptions {
  const configured = config === undefined ? null : adminOf(config);
  const own = configured === null ? null : addressOf(configured);
  return {
    address: admin ?? own ?? defaultAddress,
    token: tokenOf(tokenFile, env.AURELAY_TOKEN) ?? configured?.token ?? null,
    trust: trustOf(ca, configured),
  };
}

function adminOf(file: string): AdminConfig {
  const result = readConfig(file);
  if (result.ok) return result.config.admin;
  throw new ReachInvalid(
    `the configuration has errors:\n${checkReport(result, { color: false, json: false }).trimEnd()}`,
  );
}

/** What listens on every interface is reached on this machine. */
function addressOf({ listen, tls }: AdminConfig): string {
  const anywhere = listen.host.includes(':') ? '::1' : '127.0.0.1';
  const host = isWildcard(listen.host) ? anywhere : listen.host;
  return `${tls === null ? 'http' : 'https'}://${formatAddress({ host, port: listen.port })}`;
}

function tokenOf(file: string | undefined, written: string | undefined): string | null {
  const token = file === undefined ? (written ?? '') : read('--token-file', file).replace(/\r?\n$/, '');
  if (token === '' && file === undefined) return null;
  const flaw = tokenFlaw(token);
  if (flaw === null) return token;
  throw new ReachInvalid(
    `the token in ${file === undefined ? 'AURELAY_TOKEN' : file} cannot be one: it ${flaw}`,
  );
}

function trustOf(ca: string | undefined, configured: AdminConfig | null): AdminTrust {
  if (ca !== undefined) return { by: 'authorities', pem: read('--ca', ca) };
  if (configured?.tls)
    return { by: 'certificate', pem: read('admin.tls.certificate', configured.tls.certificate) };
  return { by: 'system' };
}

function read(what: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new ReachInvalid(`${what} cannot be read: ${messageOf(error)}`);
  }
}
