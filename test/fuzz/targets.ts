import type { FuzzTarget } from './target.ts';

/** By name; each is imported when it is asked for, so that what it tests can be counted from the beginning. */
export const targets: Readonly<Record<string, () => Promise<FuzzTarget>>> = {
  'postgres-startup': async () => (await import('./targets/postgres-startup.ts')).postgresStartup,
  'postgres-answer': async () => (await import('./targets/postgres-answer.ts')).postgresAnswer,
  'postgres-monitor': async () => (await import('./targets/postgres-monitor.ts')).postgresMonitor,
  'tls-hello': async () => (await import('./targets/tls-hello.ts')).tlsHello,
  'named-endpoint': async () => (await import('./targets/named-endpoint.ts')).namedEndpointTarget,
  'proxy-header': async () => (await import('./targets/proxy-header.ts')).proxyHeader,
  'mysql-greeting': async () => (await import('./targets/mysql-greeting.ts')).mysqlGreeting,
  'mysql-exchange': async () => (await import('./targets/mysql-exchange.ts')).mysqlExchange,
  'sasl-exchange': async () => (await import('./targets/sasl-exchange.ts')).saslExchange,
  'server-texts': async () => (await import('./targets/server-texts.ts')).serverTexts,
  'config-text': async () => (await import('./targets/config-text.ts')).configText,
};
