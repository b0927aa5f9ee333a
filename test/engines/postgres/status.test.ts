import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { instanceId } from '../../../src/base/brand.ts';
import { formatConninfo, parseConninfo, sealed } from '../../../src/engines/postgres/conninfo.ts';
import {
  observe,
  readStatus,
  type StatusMemory,
  type StatusRow,
} from '../../../src/engines/postgres/status.ts';

const writer: StatusRow = {
  in_recovery: 'false',
  read_only: 'false',
  identity: '7500000000000000001',
  version: '15.14 (Debian 15.14-0+deb12u1)',
  started_at: 'a',
  lsn: '0/5000148',
  replay_lsn: null,
  wal_timeline: '0000000A',
  control_timeline: '1',
  cluster_name: '',
  standby_names: '',
  synchronous_commit: 'on',
  streaming_names: '["pg-2", "pg-3", "backup"]',
};

const replica: StatusRow = {
  ...writer,
  in_recovery: 'true',
  read_only: 'true',
  replay_lsn: '0/5000148',
  wal_timeline: null,
  control_timeline: '2',
  receiver_pid: '4711',
  receiver_status: 'streaming',
  heard_age: '0.25',
  receiver_timeline: '3',
  source_lsn: '0/5000148',
  source_host: 'db1',
  source_port: '5432',
  replay_age: '3600.5',
  primary_conninfo: 'host=db9',
};

const lone: StatusRow = {
  ...replica,
  receiver_pid: null,
  receiver_status: null,
  heard_age: null,
  receiver_timeline: null,
  source_lsn: null,
  source_host: null,
  source_port: null,
};

const seen = (row: StatusRow, earlier: StatusMemory | null = null, now = 1_000) =>
  observe(readStatus(row), earlier, now, instanceId('pg-2'));

describe('what a status row means', () => {
  it('a writer', () => {
    assert.deepEqual(seen(writer).observation, {
      role: 'writer',
      writable: true,
      identity: '7500000000000000001',
      timeline: 10,
      position: '10/0/5000148',
      lagSeconds: 0,
      replication: null,
      acknowledgement: { count: 0, from: [], connected: 0, most: null },
      version: 'PostgreSQL 15.14',
    });
  });

  it('a server that takes no writes is no writer, though it replicates from nobody', () => {
    const { observation } = seen({ ...writer, read_only: 'true' });
    assert.equal(observation.role, 'replica');
    assert.equal(observation.writable, false);
    assert.equal(observation.replication, null);
  });

  it('a replica that streams', () => {
    const { observation } = seen(replica);
    assert.equal(observation.role, 'replica');
    assert.equal(observation.position, '3/0/5000148');
    assert.equal(observation.lagSeconds, 0);
    assert.deepEqual(observation.replication, {
      source: { host: 'db1', port: 5432 },
      streaming: true,
      heardSecondsAgo: 0.25,
      error: null,
      stopped: false,
      acknowledges: false,
    });
  });

  it('a replica without a source that answers', () => {
    const { observation } = seen(lone);
    assert.deepEqual(observation.replication, {
      source: { host: 'db9', port: 5432 },
      streaming: false,
      heardSecondsAgo: null,
      error: null,
      stopped: false,
      acknowledges: false,
    });
    assert.equal(observation.timeline, 2);
    assert.equal(observation.lagSeconds, 3600.5);
  });

  it('a replica that hides what it replicates from', () => {
    const { observation } = seen({
      ...replica,
      receiver_status: null,
      source_host: null,
      source_port: null,
      source_lsn: null,
      primary_conninfo: null,
    });
    assert.deepEqual(observation.replication, {
      source: null,
      streaming: true,
      heardSecondsAgo: 0.25,
      error: null,
      stopped: false,
      acknowledges: null,
    });
    assert.equal(seen({ ...lone, primary_conninfo: "'" }).observation.replication?.source, null);
  });

  it('a receiver at the end of a timeline does not stream', () => {
    const { observation } = seen({ ...replica, receiver_status: 'waiting' });
    assert.equal(observation.replication?.streaming, false);
  });

  it('lag is bounded by when the replica was last seen caught up', () => {
    const { memory } = seen(replica, null, 1_000);
    const behind = { ...replica, lsn: '0/6000000' };
    assert.equal(seen(behind, memory, 3_500).observation.lagSeconds, 2.5);
    assert.equal(seen(behind, null, 3_500).observation.lagSeconds, 3600.5);
    assert.equal(seen({ ...behind, replay_age: '0.5' }, memory, 3_500).observation.lagSeconds, 0.5);
    assert.equal(seen({ ...behind, replay_age: '-2' }, memory, 3_500).observation.lagSeconds, 0);
    assert.equal(seen({ ...behind, replay_age: null }, null, 3_500).observation.lagSeconds, null);
    assert.equal(seen({ ...behind, started_at: 'b' }, memory, 3_500).observation.lagSeconds, 3600.5);
    assert.equal(
      seen({ ...replica, source_lsn: '0/6000000' }, memory, 3_500).observation.lagSeconds,
      2.5,
      'its source has more than it received',
    );
  });

  it('a timeline is remembered while the server runs', () => {
    const { memory } = seen(replica);
    assert.equal(seen(lone, memory).observation.timeline, 3);
    assert.equal(seen(lone, memory).observation.position, '3/0/5000148');
    assert.equal(seen({ ...lone, started_at: 'b' }, memory).observation.timeline, 2);
  });

  it('whom a commit waits for', () => {
    const acknowledgement = (change: StatusRow) => seen({ ...writer, ...change }).observation.acknowledgement;
    const some = { standby_names: 'ANY 2 ("PG-2", pg_9, "pg-3")' };
    const from = ['PG-2', 'pg-3', 'pg_9'];
    assert.deepEqual(acknowledgement(some), { count: 2, from, connected: 2, most: null });
    const told = { ...some, synchronous_commit: 'local' };
    assert.deepEqual(acknowledgement(told), { count: 0, from, connected: 2, most: null }, 'before anybody');
    const anybody = { standby_names: '*' };
    assert.deepEqual(acknowledgement(anybody), { count: 1, from: null, connected: 3, most: null });
    assert.equal(acknowledgement({ ...some, streaming_names: null }), null, 'it does not say');
    assert.equal(acknowledgement({ ...some, read_only: 'true' }), null, 'it is no writer');
  });

  it('whether a replica goes by its own name, which its source compares without regard to case', () => {
    const acknowledges = (change: StatusRow) =>
      seen({ ...replica, ...change }).observation.replication?.acknowledges;
    assert.equal(acknowledges({ primary_conninfo: 'host=db1 application_name=PG-2' }), true);
    assert.equal(acknowledges({ primary_conninfo: 'host=db1 application_name=pg-3' }), false);
    assert.equal(acknowledges({ primary_conninfo: 'host=db1', cluster_name: 'pg-2' }), true);
    assert.equal(acknowledges({ primary_conninfo: null }), null);
  });

  it('a replica that is sealed', () => {
    const conninfo = formatConninfo(sealed(parseConninfo('host=db1 hostaddr=10.0.0.1 user=repl')));
    assert.equal(seen({ ...lone, primary_conninfo: conninfo }).observation.replication?.stopped, true);
    const elsewhere = { ...lone, primary_conninfo: `${conninfo} hostaddr=10.0.0.1` };
    assert.equal(seen(elsewhere).observation.replication?.stopped, false);
  });

  it('a row of another query is an error', () => {
    assert.throws(() => readStatus({}), /did not say "in_recovery"/);
  });
});
