import assert from 'node:assert/strict';
import { it } from 'node:test';
import { fullBacklogs } from './full-backlogs.ts';
import { readScrape } from './scrape.ts';

it('adds up the series of a name that have the labels', () => {
  const text = [
    '# HELP aurelay_sessions Sessions that are open now.',
    '# TYPE aurelay_sessions gauge',
    'aurelay_sessions{cluster="pg",endpoint="writer",instance="pg-1"} 3',
    'aurelay_sessions{cluster="pg",endpoint="reader",instance="pg-2"} 4',
    'aurelay_sessions_total{cluster="pg",endpoint="writer",instance="pg-1"} 50',
    'aurelay_process_open_fds 38',
    'aurelay_route_duration_seconds_sum{cluster="pg"} 1.5e-3',
  ].join('\n');
  const { sum } = readScrape(text);
  assert.equal(sum('aurelay_sessions'), 7);
  assert.equal(sum('aurelay_sessions', { instance: 'pg-2' }), 4);
  assert.equal(sum('aurelay_sessions', { cluster: 'pg', endpoint: 'writer' }), 3);
  assert.equal(sum('aurelay_sessions', { instance: 'pg' }), 0);
  assert.equal(sum('aurelay_process_open_fds'), 38);
  assert.equal(sum('aurelay_route_duration_seconds_sum'), 0.0015);
  assert.equal(sum('aurelay_held_connections'), 0);
});

it('reads how often an accept queue was full, where the system tells', () => {
  const netstat =
    'TcpExt: SyncookiesSent ListenOverflows ListenDrops\nTcpExt: 1 27 30\nIpExt: InOctets\nIpExt: 5\n';
  assert.equal(fullBacklogs(netstat), 27);
  assert.equal(fullBacklogs('TcpExt: ListenDrops\nTcpExt: 1\n'), null);
  assert.equal(fullBacklogs(null), null);
});
