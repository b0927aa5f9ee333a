import { startApp } from '../app.ts';
import { messageOf } from '../base/errors.ts';
import type { Config } from '../config/config.ts';
import { inheritedSockets } from '../inherited-sockets.ts';
import { exceptionFields } from '../log/exception.ts';
import { tell } from '../log/tell.ts';
import type { AurelayLogger } from '../logger.ts';
import { release } from '../release.ts';
import type { ConfigSource } from '../reload.ts';
import { systemdNotifier } from '../systemd-notifier.ts';

/**
 * Runs Aurelay until SIGTERM or SIGINT: the first lets sessions end, the second closes them at once. Exits with 0 after
 * a signal, with 1 when it cannot start or an invariant breaks. SIGHUP reads the configuration again.
 */
export async function runUntilSignal(
  config: Config,
  { logger, follow }: AurelayLogger,
  source: ConfigSource,
  onStart: () => void = () => {},
): Promise<void> {
  const inherited = inheritedSockets(process.env, process.pid);
  // A process that cannot trust itself must not go on admitting writers; a supervisor starts it anew.
  process.on('uncaughtException', (error) => {
    tell(logger, 'crash', exceptionFields(error), `aurelay stops: ${messageOf(error)}`);
    process.exit(1);
  });
  // Node.js would write it to standard error, in several lines that are no events.
  process.removeAllListeners('warning');
  process.on('warning', (warning) =>
    tell(logger, 'runtime.warning', exceptionFields(warning), warning.message),
  );
  // Until it runs there is nothing to reload, and the signal's default is to end the process.
  let reload = (): void => {};
  process.on('SIGHUP', () => reload());
  const { version, build, date } = release;
  const about = { version, build, date, node: process.version, pid: process.pid };
  tell(logger, 'start', about, `aurelay ${version} (build ${build})`);
  onStart();
  const systemd = systemdNotifier(process.env, (why) => tell(logger, 'systemd.not-told', {}, why));
  try {
    const app = await startApp({
      config,
      source,
      logger,
      release,
      followLog: follow,
      onFatal: () => process.exit(1),
      inherited,
    });
    systemd.ready();
    reload = () => {
      systemd.reloading();
      void app.reload('signal').finally(() => systemd.ready());
    };
    let signals = 0;
    const onSignal = (signal: NodeJS.Signals): void => {
      signals += 1;
      tell(logger, 'signal', { signal }, `received ${signal}`);
      if (signals > 1) process.exit(0);
      systemd.stopping();
      app.stop().then(
        () => process.exit(0),
        (error: unknown) => {
          tell(logger, 'shutdown.failed', exceptionFields(error), messageOf(error));
          process.exit(1);
        },
      );
    };
    process.on('SIGTERM', onSignal);
    process.on('SIGINT', onSignal);
    await app.ready().catch((error: unknown) => {
      // Stopped before: its end is the signal's matter, sessions included.
      if (signals === 0) throw error;
    });
    if (signals > 0) return;
    tell(logger, 'ready', {}, 'every endpoint accepts and every cluster has a writer');
  } catch (error) {
    tell(logger, 'start.failed', exceptionFields(error), `aurelay cannot start: ${messageOf(error)}`);
    process.exit(1);
  }
}
