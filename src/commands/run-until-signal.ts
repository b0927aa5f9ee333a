import type { Logger } from 'pino';
import { startApp } from '../app.ts';
import { messageOf } from '../base/errors.ts';
import type { Config } from '../config/config.ts';
import { inheritedSockets } from '../inherited-sockets.ts';
import { release } from '../release.ts';
import type { ConfigSource } from '../reload.ts';
import { systemdNotifier } from '../systemd-notifier.ts';

/**
 * Runs Aurelay until SIGTERM or SIGINT: the first lets sessions end, the second closes them at once. Exits with 0 after
 * a signal, with 1 when it cannot start or an invariant breaks. SIGHUP reads the configuration again.
 */
export async function runUntilSignal(config: Config, logger: Logger, source: ConfigSource): Promise<void> {
  const inherited = inheritedSockets(process.env, process.pid);
  // A process that cannot trust itself must not go on admitting writers; a supervisor starts it anew.
  process.on('uncaughtException', (error) => {
    logger.fatal({ event: 'crash', err: error }, `aurelay stops: ${messageOf(error)}`);
    process.exit(1);
  });
  // Until it runs there is nothing to reload, and the signal's default is to end the process.
  let reload = (): void => {};
  process.on('SIGHUP', () => reload());
  const systemd = systemdNotifier(process.env, (why) => logger.warn({ event: 'systemd.not-told' }, why));
  try {
    const app = await startApp({
      config,
      source,
      logger,
      release,
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
      logger.info({ event: 'signal', signal }, `received ${signal}`);
      if (signals > 1) process.exit(0);
      systemd.stopping();
      app.stop().then(
        () => process.exit(0),
        (error: unknown) => {
          logger.error({ event: 'shutdown.failed', err: error }, messageOf(error));
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
    logger.info({ event: 'ready' }, 'every endpoint accepts and every cluster has a writer');
  } catch (error) {
    logger.fatal({ event: 'start.failed', err: error }, `aurelay cannot start: ${messageOf(error)}`);
    process.exit(1);
  }
}
