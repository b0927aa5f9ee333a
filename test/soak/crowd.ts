import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { visitQuickly } from './quick-client.ts';

/**
 * A process of its own, so that what it costs to be so many clients delays nobody who measures. Says `ready`, gets an
 * `Order`, and answers with a `Visit[]`, one for each client.
 */
export interface Order {
  readonly family: 'pg' | 'mysql';
  readonly port: number;
  readonly clients: number;
  /** All of them knock within this, one after the other at even distances. */
  readonly withinMs: number;
}

/** Times in milliseconds from the first knock. */
export interface Visit {
  readonly knockedAt: number;
  /** When its login was done; null where it was refused. */
  readonly connectedAt: number | null;
  /** When its statement was answered, or the client was refused. */
  readonly overAt: number;
  /** What a client that was not served got: SQLSTATE, MySQL's error number, or the system's code; null: it was. */
  readonly code: string | null;
  readonly message: string | null;
}

const visit = ({ family, port }: Order, since: () => number): Promise<Visit> =>
  new Promise((resolve) => {
    const knockedAt = since();
    let connectedAt: number | null = null;
    visitQuickly(family, port, {
      onConnected: () => {
        connectedAt = since();
      },
      onOver: (refusal) => {
        const { code = null, message = null } = refusal ?? {};
        resolve({ knockedAt, connectedAt, overAt: since(), code, message });
      },
    });
  });

async function come(order: Order): Promise<readonly Visit[]> {
  const startedAt = performance.now();
  const since = () => performance.now() - startedAt;
  const visits: Promise<Visit>[] = [];
  while (visits.length < order.clients) {
    const due = Math.min(order.clients, Math.ceil((since() / order.withinMs) * order.clients));
    while (visits.length < due) visits.push(visit(order, since));
    await sleep(1);
  }
  return Promise.all(visits);
}

process.once('message', (order: Order) => {
  void come(order).then((visits) => process.send?.(visits, () => process.disconnect()));
});
process.send?.('ready');
