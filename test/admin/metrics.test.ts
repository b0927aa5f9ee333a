import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { parse } from 'yaml';
import { openFilesLimit } from '../../src/admin/metrics/process.ts';
import { createMetrics, type Metrics } from '../../src/admin/metrics.ts';
import { clusterId, endpointId, instanceId } from '../../src/base/brand.ts';
import type { CloseReason } from '../../src/proxy/observer.ts';
import { clusterConfig, clusterEvent, clusterView, fakeControls, instanceView } from './fake-controls.ts';
import { runAdmin } from './running-admin.ts';

const orders = clusterId('orders');
const writer = { cluster: orders, endpoint: endpointId('writer') };
const reader = { cluster: orders, endpoint: endpointId('reader') };
const [first, second] = [instanceId('orders-1'), instanceId('orders-2')];

function measuring(t: TestContext, controls = fakeControls()): Metrics {
  const metrics = createMetrics({ version: '1.2.3', build: 'abc1234', relay: 'stream' });
  metrics.watch(controls);
  t.after(() => metrics.close());
  return metrics;
}

/** Every series as in the text format, `name{a="b"}`, and its value. */
async function scrape(metrics: Metrics): Promise<Map<string, number>> {
  const { text } = await metrics.render();
  const series = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    series.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]),
  );
}

test('sessions are counted from their beginning to their end', async (t) => {
  const metrics = measuring(t);
  const { observer } = metrics;
  for (let at = 0; at < 3; at++) observer.accepted(reader);
  observer.routed(reader, first, 0.003);
  observer.routed(reader, second, 0.004);
  observer.routed(reader, second, 0.2);
  observer.closed(reader, second, 'client-closed', { sent: 10, received: 2000 }, 5);
  const values = await scrape(metrics);
  const at = 'cluster="orders",endpoint="reader"';
  assert.equal(values.get(`aurelay_connections_accepted_total{${at}}`), 3);
  assert.equal(values.get(`aurelay_sessions_total{${at},instance="orders-2"}`), 2);
  assert.equal(values.get(`aurelay_sessions{${at},instance="orders-1"}`), 1);
  assert.equal(values.get(`aurelay_sessions{${at},instance="orders-2"}`), 1);
  assert.equal(values.get(`aurelay_sessions{${at},instance="orders-3"}`), 0);
  assert.equal(values.get(`aurelay_sessions_closed_total{${at},reason="client-closed"}`), 1);
  assert.equal(values.get(`aurelay_sessions_closed_total{${at},reason="failover"}`), 0);
  assert.equal(values.get(`aurelay_route_duration_seconds_count{${at}}`), 3);
  assert.equal(values.get(`aurelay_route_duration_seconds_bucket{le="0.005",${at}}`), 2);
  assert.equal(values.get(`aurelay_session_duration_seconds_sum{${at}}`), 5);
  assert.equal(values.get(`aurelay_bytes_sent_total{${at},instance="orders-2"}`), 10);
  assert.equal(values.get(`aurelay_bytes_received_total{${at},instance="orders-2"}`), 2000);
});

test('errors, dials, holds and cancels are counted by reason', async (t) => {
  const controls = fakeControls();
  controls.held.set('writer', 7);
  controls.sessions.set('orders-1', 5);
  controls.waiting.set('orders-1', 3);
  const metrics = measuring(t, controls);
  const { observer } = metrics;
  observer.refused(writer, 'no_writer', 'somebody', null);
  observer.refused(writer, 'client_gone', '', null);
  observer.dialFailed(writer, first, 'timeout', 'slow');
  observer.held(writer);
  observer.unheld(writer, 'released', 0.4);
  observer.cancelled(reader, 2);
  const values = await scrape(metrics);
  const at = 'cluster="orders",endpoint="writer"';
  assert.equal(values.get(`aurelay_session_errors_total{${at},reason="no_writer"}`), 1);
  assert.equal(values.get(`aurelay_session_errors_total{${at},reason="client_gone"}`), 1);
  assert.equal(values.get(`aurelay_session_errors_total{${at},reason="hold_full"}`), 0);
  assert.equal(values.get(`aurelay_dial_failures_total{${at},instance="orders-1",reason="timeout"}`), 1);
  assert.equal(values.get(`aurelay_held_connections{${at}}`), 7);
  assert.equal(values.get(`aurelay_endpoint_max_sessions{${at}}`), 1000);
  assert.equal(values.get('aurelay_instance_waiting_connections{cluster="orders",instance="orders-1"}'), 3);
  assert.equal(values.get('aurelay_instance_sessions{cluster="orders",instance="orders-1"}'), 2);
  assert.equal(values.get('aurelay_instance_max_sessions{cluster="orders",instance="orders-1"}'), undefined);
  assert.equal(values.get(`aurelay_hold_duration_seconds_count{${at},outcome="released"}`), 1);
  assert.equal(values.get('aurelay_cancels_total{cluster="orders",endpoint="reader"}'), 1);
});

test('probes and failovers are counted', async (t) => {
  const metrics = measuring(t);
  metrics.recordProbe(orders, first, 0.002, 'ok');
  metrics.recordProbe(orders, first, 1, 'timeout');
  const completed = { name: 'failover.completed' };
  metrics.recordClusterEvent(
    clusterEvent({ ...completed, details: { kind: 'failover', duration_seconds: 0.6 } }),
  );
  metrics.recordClusterEvent(clusterEvent({ ...completed, details: { kind: 'adopted' } }));
  metrics.recordClusterEvent(clusterEvent({ ...completed, details: { kind: 'something new' } }));
  metrics.recordClusterEvent(clusterEvent({ name: 'writer.lost', details: { kind: 'failover' } }));
  const values = await scrape(metrics);
  const at = 'cluster="orders",instance="orders-1"';
  assert.equal(values.get(`aurelay_probe_duration_seconds_count{${at}}`), 2);
  assert.equal(values.get(`aurelay_probe_failures_total{${at},reason="timeout"}`), 1);
  assert.equal(values.get(`aurelay_probe_failures_total{${at},reason="refused"}`), 0);
  assert.equal(values.get('aurelay_failovers_total{cluster="orders",reason="failover"}'), 1);
  assert.equal(values.get('aurelay_failovers_total{cluster="orders",reason="switchover"}'), 0);
  assert.equal(values.get('aurelay_failovers_total{cluster="orders",reason="adopted"}'), 1);
  assert.equal(values.get('aurelay_failovers_total{cluster="orders",reason="other"}'), 1);
  const duration = 'aurelay_failover_duration_seconds';
  assert.equal(values.get(`${duration}_sum{cluster="orders",reason="failover"}`), 0.6);
  assert.equal(values.get(`${duration}_count{cluster="orders",reason="adopted"}`), undefined);
});

test('the state of a cluster is what it is at the scrape', async (t) => {
  const controls = fakeControls();
  const metrics = measuring(t, controls);
  const before = await scrape(metrics);
  const labels = `version="1.2.3",build="abc1234",node_version="${process.versions.node}",relay="stream"`;
  assert.equal(before.get(`aurelay_build_info{${labels}}`), 1);
  assert.equal(before.get('aurelay_cluster_epoch{cluster="orders"}'), 7);
  assert.equal(before.get('aurelay_cluster_has_writer{cluster="orders"}'), 1);
  assert.equal(before.get('aurelay_cluster_phase{cluster="orders",phase="stable"}'), 1);
  assert.equal(before.get('aurelay_instance_lag_seconds{cluster="orders",instance="orders-2"}'), 0.25);
  assert.equal(before.get('aurelay_endpoint_members{cluster="orders",endpoint="reader"}'), 2);
  assert.equal(before.get('aurelay_endpoint_listening{cluster="orders",endpoint="reader"}'), 1);
  const role = (values: Map<string, number>, name: string) =>
    ['writer', 'replica', 'unknown'].map((each) =>
      values.get(`aurelay_instance_role{cluster="orders",instance="${name}",role="${each}"}`),
    );
  const replicating = (name: string) =>
    before.get(`aurelay_instance_replicating{cluster="orders",instance="${name}"}`);
  assert.equal(replicating('orders-1'), undefined, 'a writer has no source that it could lose');
  assert.equal(replicating('orders-2'), 1);
  assert.deepEqual(role(before, 'orders-1'), [1, 0, 0]);
  assert.deepEqual(role(before, 'orders-2'), [0, 1, 0]);

  const gone = instanceView(second, 1, { role: null, health: 'down', lagSeconds: null, deposed: true });
  const { instances } = controls.view(orders);
  controls.change('orders', {
    writer: null,
    phase: 'promoting',
    instances: new Map([...instances, [second, gone]]),
  });
  controls.shut.set('reader', 'address in use');
  const after = await scrape(metrics);
  assert.equal(after.get('aurelay_cluster_has_writer{cluster="orders"}'), 0);
  assert.equal(after.get('aurelay_cluster_phase{cluster="orders",phase="stable"}'), 0);
  assert.equal(after.get('aurelay_cluster_phase{cluster="orders",phase="promoting"}'), 1);
  assert.deepEqual(role(after, 'orders-2'), [0, 0, 1]);
  const at = '{cluster="orders",instance="orders-2"}';
  assert.equal(after.get(`aurelay_instance_up${at}`), 0);
  assert.equal(after.get(`aurelay_instance_health${at}`), 1);
  assert.equal(after.get(`aurelay_instance_deposed${at}`), 1);
  assert.equal(after.has(`aurelay_instance_lag_seconds${at}`), false);
  assert.equal(after.get('aurelay_endpoint_members{cluster="orders",endpoint="reader"}'), 1);
  assert.equal(after.get('aurelay_endpoint_listening{cluster="orders",endpoint="reader"}'), 0);
});

test('what is no longer configured leaves no series behind', async (t) => {
  const controls = fakeControls().add(clusterConfig('shop', 2), clusterView('shop', 2));
  const metrics = measuring(t, controls);
  const shop = { cluster: clusterId('shop'), endpoint: endpointId('writer') };
  const use = () => {
    for (const at of [shop, reader]) {
      metrics.observer.accepted(at);
      metrics.observer.routed(at, instanceId('orders-3'), 0.1);
      metrics.observer.closed(at, instanceId('orders-3'), 'client-closed', { sent: 1, received: 1 }, 1);
      metrics.observer.refused(at, 'no_member', '', null);
      metrics.observer.dialFailed(at, instanceId('orders-3'), 'refused', '');
      metrics.observer.unheld(at, 'timeout', 1);
      metrics.recordProbe(at.cluster, instanceId('orders-3'), 1, 'timeout');
      metrics.recordClusterEvent(
        clusterEvent({
          name: 'failover.completed',
          cluster: at.cluster,
          details: { kind: 'failover', duration_seconds: 1 },
        }),
      );
    }
  };
  use();
  const stay = instanceId('orders-1');
  metrics.observer.routed(reader, stay, 0.1);
  assert.ok([...(await scrape(metrics)).keys()].some((name) => name.includes('"shop"')));

  controls.configs.delete(clusterId('shop'));
  controls.views.delete(clusterId('shop'));
  controls.configs.set(orders, clusterConfig('orders', 2));
  controls.views.set(orders, clusterView('orders', 2));
  // A session that outlived its endpoint reports its end afterwards.
  use();
  const left = [...(await scrape(metrics)).keys()];
  assert.deepEqual(
    left.filter((name) => name.includes('"shop"') || name.includes('"orders-3"')),
    [],
  );
  const values = await scrape(metrics);
  const at = 'cluster="orders",endpoint="reader"';
  assert.equal(values.get(`aurelay_sessions{${at},instance="orders-1"}`), 1);
  assert.equal(values.get(`aurelay_connections_accepted_total{${at}}`), 2);
});

test('the observer does not throw, whatever a clock says', async (t) => {
  const metrics = measuring(t);
  const { observer } = metrics;
  for (const seconds of [Number.NaN, -1, Number.POSITIVE_INFINITY]) {
    observer.routed(reader, first, seconds);
    observer.unheld(writer, 'released', seconds);
    observer.closed(reader, first, 'shutdown', { sent: seconds, received: seconds }, seconds);
    metrics.recordProbe(orders, first, seconds, 'ok');
  }
  const values = await scrape(metrics);
  assert.ok([...values.values()].every((value) => Number.isFinite(value)));
});

test('only the labels of the contract are used', async (t) => {
  const metrics = measuring(t);
  useEverything(metrics);
  const allowed = new Set(['cluster', 'endpoint', 'instance', 'role', 'reason', 'phase', 'outcome', 'le']);
  for (const series of (await scrape(metrics)).keys()) {
    if (series.startsWith('aurelay_build_info')) continue;
    assert.match(series, /^aurelay_/);
    for (const [, label] of series.matchAll(/[{,](\w+)="/g)) assert.ok(allowed.has(label ?? ''), series);
  }
});

test('the event loop and the process are measured', { timeout: 30_000 }, async (t) => {
  const metrics = measuring(t);
  const count = async () => (await scrape(metrics)).get('aurelay_event_loop_delay_seconds_count') ?? 0;
  // Keeps the process alive: the sampling itself does not.
  const alive = setInterval(() => {}, 1000);
  t.after(() => clearInterval(alive));
  while ((await count()) < 2) await new Promise((resolve) => setTimeout(resolve, 20));
  const stalled = performance.now() + 120;
  while (performance.now() < stalled);
  const seen = await count();
  while ((await count()) === seen) await new Promise((resolve) => setTimeout(resolve, 5));
  const values = await scrape(metrics);
  const bucket = (le: string) => values.get(`aurelay_event_loop_delay_seconds_bucket{le="${le}"}`) ?? 0;
  assert.ok(bucket('+Inf') > bucket('0.05'), 'the stall was seen');
  assert.ok((values.get('aurelay_process_resident_memory_bytes') ?? 0) > 1e6);
  assert.ok((values.get('aurelay_process_cpu_seconds_total') ?? 0) > 0);
  if (process.platform === 'linux') {
    assert.ok((values.get('aurelay_process_open_fds') ?? 0) > 2);
    assert.ok((values.get('aurelay_process_max_fds') ?? 0) > 2);
  }
});

test('the limit of open files is read from proc(5)', () => {
  const text =
    'Max processes    100  100 processes\nMax open files            1024                 4096   files\n';
  assert.equal(openFilesLimit(text), 1024);
  assert.equal(openFilesLimit('Max open files   unlimited  unlimited files'), 0);
});

test('a scrape is served in the text format of Prometheus', async (t) => {
  const { url } = await runAdmin(t, fakeControls());
  const response = await fetch(`${url}/metrics`);
  assert.match(response.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/);
  assert.match(await response.text(), /^# TYPE aurelay_sessions gauge$/m);
});

test('METRICS.md lists every metric with its type and labels, and no other', (t) => {
  const metrics = measuring(t);
  const registered = metrics.registry.getMetricsAsArray().map((metric) => {
    const { name, type, labelNames } = metric as unknown as {
      name: string;
      type: string;
      labelNames: string[];
    };
    return `${name} ${type} ${labelNames.join(', ') || '-'}`;
  });
  const page = readFileSync(new URL('../../METRICS.md', import.meta.url), 'utf8');
  const rows = [...page.matchAll(/^\| `(aurelay_\w+)` *\| (\w+) *\| (.+?) *\| (.+?) *\| (.+?) *\|$/gm)];
  const listed = rows.map(([, name, type, labels]) => `${name} ${type} ${labels?.replaceAll('`', '')}`);
  assert.deepEqual(listed.toSorted(), registered.toSorted());
});

test('every metric that a dashboard shows exists', (t) => {
  const metrics = measuring(t);
  const registered = new Set(
    metrics.registry.getMetricsAsArray().flatMap((metric) => {
      const { name, type } = metric as unknown as { name: string; type: string };
      return type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name];
    }),
  );
  const folder = new URL('../../config/grafana/dashboards/', import.meta.url);
  const files = readdirSync(folder).filter((file) => file.endsWith('.json'));
  assert.ok(files.length > 0);
  for (const file of files) {
    const text = readFileSync(new URL(file, folder), 'utf8');
    JSON.parse(text);
    const shown = new Set(text.match(/aurelay_\w+/g));
    assert.ok(shown.size > 15, `${file} shows ${shown.size} metrics`);
    for (const name of shown) assert.ok(registered.has(name), `${file} shows ${name}, which does not exist`);
  }
});

test('the label instance stays a database server in Prometheus', () => {
  const text = readFileSync(new URL('../../config/prometheus/prometheus.yml', import.meta.url), 'utf8');
  const { scrape_configs: jobs } = parse(text) as { scrape_configs: { honor_labels?: boolean }[] };
  assert.deepEqual(
    jobs.map(({ honor_labels }) => honor_labels),
    [true],
  );
});

function useEverything(metrics: Metrics): void {
  const reason: CloseReason = 'client-closed';
  metrics.observer.accepted(reader);
  metrics.observer.routed(reader, first, 1);
  metrics.observer.closed(reader, first, reason, { sent: 1, received: 1 }, 1);
  metrics.observer.refused(reader, 'no_member', '', null);
  metrics.observer.dialFailed(reader, first, 'error', '');
  metrics.observer.unheld(writer, 'released', 1);
  metrics.observer.cancelled(reader, 1);
  metrics.recordProbe(orders, first, 1, 'timeout');
  metrics.recordClusterEvent(
    clusterEvent({ name: 'failover.completed', details: { kind: 'failover', duration_seconds: 1 } }),
  );
}
