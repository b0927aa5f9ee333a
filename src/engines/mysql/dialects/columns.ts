import type { Address } from '../../../cluster/instance.ts';
import { ProtocolFailed } from '../failure.ts';
import type { Channel, ReplicationError, Row } from './dialect.ts';

/**
 * The row in which a server says whether it takes writes. Throws `ProtocolFailed` where it does not: what is not said
 * counts for nothing, and least of all for a server that can be written to.
 */
export function variablesOf(rows: readonly Row[] | undefined): Row {
  const row = rows?.[0];
  if (row?.read_only === undefined || row.read_only === null) {
    throw new ProtocolFailed('it did not say whether it is read-only');
  }
  return row;
}

/** A column that this server may not have; empty and NULL are the same. */
export function textOf(row: Row, ...names: readonly string[]): string | null {
  for (const name of names) {
    const value = row[name];
    if (value !== undefined && value !== null && value !== '') return value;
  }
  return null;
}

export function numberOf(row: Row, ...names: readonly string[]): number | null {
  const text = textOf(row, ...names);
  return text === null ? null : Number(text);
}

/** The columns' values in one text, to be compared with another look's. */
export const joined = (row: Row, ...names: readonly string[]): string =>
  names.map((name) => row[name] ?? '').join('|');

/** `1`, `ON`, and the further degrees of `read_only` that MariaDB has from version 12 on. */
export const isOn = (value: string | null): boolean => value !== null && value !== '0' && value !== 'OFF';

export function addressOf(host: string | null, port: number | null): Address | null {
  return host === null || port === null ? null : { host, port };
}

export function errorOf(errno: number | null, message: string | null): ReplicationError | null {
  return errno === null || errno === 0 ? null : { errno, message: message ?? `error ${errno}` };
}

export function receivingOf(ioRunning: string | null): Channel['receiving'] {
  if (ioRunning === 'Yes') return 'running';
  return ioRunning === null || ioRunning === 'No' ? 'stopped' : 'connecting';
}

/** Whether the applier stands where the receiver stands, by file and offset. */
export const sameSpot = (
  receivedFile: string | null,
  receivedOffset: string | null,
  appliedFile: string | null,
  appliedOffset: string | null,
): boolean => receivedFile === appliedFile && receivedOffset === appliedOffset;
