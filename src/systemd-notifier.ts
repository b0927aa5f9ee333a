import { spawn } from 'node:child_process';
import { messageOf } from './base/errors.ts';

/** Tells systemd how this process is (sd_notify(3)); does nothing where systemd does not ask. */
export interface SystemdNotifier {
  /** Every endpoint accepts. */
  ready(): void;
  /** A reload has begun; `ready()` ends it. */
  reloading(): void;
  stopping(): void;
}

const nobody: SystemdNotifier = { ready() {}, reloading() {}, stopping() {} };

/** systemd-notify(1) waits for an answer of systemd's, up to 5 s. */
const timeoutMs = 10_000;

/**
 * For where `env` names a NOTIFY_SOCKET: a datagram socket, of which Node has none, so that systemd's own program speaks
 * for it (systemd-notify(1); the unit needs `NotifyAccess=all`). Takes the variables out of `env`, so that no child speaks
 * for this process. With WATCHDOG_USEC it tells that the event loop turns, twice in that time, from `ready()` on.
 * `onTrouble` is called once.
 */
export function systemdNotifier(
  env: NodeJS.ProcessEnv,
  onTrouble: (why: string) => void,
  program = 'systemd-notify',
): SystemdNotifier {
  const { NOTIFY_SOCKET, WATCHDOG_USEC, PATH = '' } = env;
  for (const name of ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID']) delete env[name];
  if (NOTIFY_SOCKET === undefined) return nobody;
  let isTold = false;
  let watchdog: NodeJS.Timeout | null = null;
  let underWay = 0;
  let last: Promise<void> = Promise.resolve();
  const complain = (why: string): void => {
    if (!isTold) onTrouble(`systemd cannot be told how this process is (${why}): is ${program} installed?`);
    isTold = true;
  };
  const send = (variables: readonly string[]): Promise<void> =>
    new Promise((resolve) => {
      const child = spawn(program, variables, { env: { PATH, NOTIFY_SOCKET }, stdio: 'ignore' });
      // Not spawn's own `timeout`, which goes on for a program that could not be started.
      const late = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
      child.on('error', (error: NodeJS.ErrnoException) => {
        clearTimeout(late);
        complain(messageOf(error));
        // It is not going to be installed; whatever else went wrong may go right the next time.
        if (error.code === 'ENOENT' && watchdog !== null) clearInterval(watchdog);
        resolve();
      });
      child.on('close', (code, signal) => {
        clearTimeout(late);
        if (code !== 0) complain(`it ended with ${code ?? signal}`);
        resolve();
      });
    });
  /** In order: what is told last, holds. */
  const tell = (...variables: string[]): void => {
    underWay += 1;
    last = last.then(async () => {
      await send(variables);
      underWay -= 1;
    });
  };
  return {
    ready() {
      tell('READY=1');
      const usec = Number(WATCHDOG_USEC ?? 0);
      if (watchdog !== null || !(usec > 0)) return;
      watchdog = setInterval(() => {
        if (underWay === 0) tell('WATCHDOG=1');
      }, usec / 2_000);
      watchdog.unref();
    },
    reloading() {
      tell('RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1_000n}`);
    },
    stopping() {
      tell('STOPPING=1');
    },
  };
}
