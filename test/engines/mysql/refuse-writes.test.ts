import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Results } from '../../../src/engines/mysql/dialects/dialect.ts';
import { mariadbDialect } from '../../../src/engines/mysql/dialects/mariadb.ts';
import { refuseWrites } from '../../../src/engines/mysql/refuse-writes.ts';
import type { Session } from '../../../src/engines/mysql/session.ts';

const sessionsAtOnce = 250;
/** Far more than a fence needs for so many. */
const mostStatements = 1_000;

/** A server whose clients are back as soon as they are gone, under a new number each time. */
class BusyServer implements Session {
  readonly dialect = mariadbDialect;
  readonly connectionId = 1;
  readonly user = 'aurelay';
  readonly killed = new Set<number>();
  isReadOnly = false;
  /** The numbers of those who may have a statement that the switch did not see. */
  openAtSwitch: readonly number[] = [];
  #open: number[] = [];
  #last = 1;
  #statements = 0;

  constructor() {
    this.#refill();
  }

  remainingMs(): number {
    return 5_000;
  }

  async run(_doing: string, statement: string): Promise<Results> {
    this.#statements += 1;
    assert.ok(this.#statements <= mostStatements, 'the fence goes round in circles');
    if (statement === 'SHOW PROCESSLIST') {
      return [this.#open.map((id) => ({ Id: String(id), User: 'application', Command: 'Sleep', db: null }))];
    }
    if (statement === this.dialect.refuseWritesSql) {
      this.isReadOnly = true;
      this.openAtSwitch = [...this.#open];
      return [[]];
    }
    for (const kill of statement.split('; ')) this.#kill(Number(kill.replace('KILL ', '')));
    this.#refill();
    return [[]];
  }

  async pause(): Promise<void> {}

  beside(): never {
    throw new Error('nothing waits for a replica here');
  }

  status(): never {
    throw new Error('not asked for here');
  }

  #kill(id: number): void {
    this.killed.add(id);
    this.#open = this.#open.filter((open) => open !== id);
  }

  #refill(): void {
    while (this.#open.length < sessionsAtOnce) this.#open.push(++this.#last);
  }
}

it('a fence ends although clients connect again at once, and none that began before it is left', async () => {
  const server = new BusyServer();
  await refuseWrites(server);
  assert.equal(server.isReadOnly, true);
  assert.equal(server.openAtSwitch.length, sessionsAtOnce);
  for (const id of server.openAtSwitch) assert.ok(server.killed.has(id), `session ${id} is ended`);
});
