import type { ClientError } from '../../base/errors.ts';
import type { Exchange, ExchangeStep, ExchangeTerms } from '../engine.ts';
import { encodeErrorBeforeGreeting, encodeErrorWithState, errorMarker } from './error-packet.ts';
import { pluginOfGreeting, readGreeting, withTlsOffered } from './greeting.ts';
import { pluginOfLogin, readClientAnswer, textAt, withoutTls } from './handshake-response.ts';
import { PacketSplitter } from './packet-splitter.ts';
import { headerLength } from './packets.ts';

/** No part of a login is longer: attributes take 64 KB at most, tokens less. */
const maxLoginPayload = 256 * 1024;

const okMarker = 0x00;
const moreDataMarker = 0x01;
const nextFactorMarker = 0x02;
const authSwitchMarker = 0xfe;

/**
 * Login methods with which a client in TLS sends the password (or a token) in clear. `caching_sha2_password` does so
 * when the server has not cached the user; that it had is no reason to let it pass, because the next server, after a
 * failover, has not.
 */
const clearOverTls: ReadonlySet<string> = new Set([
  'caching_sha2_password',
  'sha256_password',
  'mysql_clear_password',
  'dialog',
  'authentication_openid_connect_client',
]);
/** Of these, those that send it in their first answer already. */
const clearAtOnce: ReadonlySet<string> = new Set(
  [...clearOverTls].filter((plugin) => plugin !== 'caching_sha2_password'),
);

/**
 * `choosing`: the client has not said whether it wants TLS · `encrypting`: TLS begins on `waitsFor` · `login`: its login is
 * due, for a plain server · `authenticating`: the client in TLS and the plain server come to terms · `over`.
 */
type State = 'choosing' | 'encrypting' | 'login' | 'authenticating' | 'over';

/**
 * TLS inside the MySQL handshake, for either side alone or both: the client's request for TLS is packet 1, so that with
 * TLS on both sides nothing has to be rewritten behind it; a plain server counts one packet less until the login is over
 * (https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase.html).
 */
export class TlsExchange implements Exchange {
  readonly #terms: ExchangeTerms;
  readonly #client = new PacketSplitter(maxLoginPayload);
  readonly #server = new PacketSplitter(maxLoginPayload);
  readonly #waitsFor = new Set<'client' | 'server'>();
  #state: State = 'choosing';
  #serverHasTls = false;
  #plugin: string | null = null;
  /** The number of the next packet to the client; 0 before the greeting. */
  #next = 0;

  constructor(terms: ExchangeTerms) {
    this.#terms = terms;
  }

  begin(greeting: Uint8Array): readonly ExchangeStep[] {
    this.#serverHasTls = readGreeting(greeting)?.offersTls ?? false;
    this.#plugin = pluginOfGreeting(greeting);
    if (this.#terms.serverTls === 'always' && !this.#serverHasTls) {
      return this.#refuse('server_tls_failed', { why: 'it does not offer TLS' });
    }
    this.#next = 2;
    return [{ kind: 'to-client', bytes: withTlsOffered(greeting) }];
  }

  fromClient(chunk: Uint8Array): readonly ExchangeStep[] {
    this.#client.push(chunk);
    switch (this.#state) {
      case 'choosing':
        return this.#choose();
      case 'login':
        return this.#login();
      case 'authenticating':
        return this.#shiftToServer();
      default:
        return [];
    }
  }

  fromServer(chunk: Uint8Array): readonly ExchangeStep[] {
    this.#server.push(chunk);
    if (this.#state === 'authenticating') return this.#shiftToClient();
    // A server says nothing here but that it gives up on the session; a client that begins TLS could not read it.
    return this.#state === 'choosing' ? [{ kind: 'to-client', bytes: this.#server.rest() }] : [];
  }

  encrypted(side: 'client' | 'server'): readonly ExchangeStep[] {
    this.#waitsFor.delete(side);
    if (this.#state !== 'encrypting' || this.#waitsFor.size > 0) return [];
    if (this.#goesToTls) return this.#done([]);
    this.#state = 'login';
    return this.#login();
  }

  refusal({ mysqlErrno: errno, mysqlState, message, hint }: ClientError): Uint8Array {
    const text = `${message}. ${hint}`;
    if (this.#next === 0) return encodeErrorBeforeGreeting({ errno, message: text });
    return encodeErrorWithState({ errno, message: text }, mysqlState, this.#next);
  }

  get #goesToTls(): boolean {
    return this.#terms.serverTls !== 'never' && this.#serverHasTls;
  }

  #choose(): readonly ExchangeStep[] {
    const packet = this.#client.next();
    if (packet === null) return [];
    const answer = packet === 'too-long' ? tooLong : readClientAnswer(packet);
    if (packet === 'too-long' || answer.kind === 'malformed') {
      return this.#refuse('protocol_violation', { why: answer.kind === 'malformed' ? answer.why : '' });
    }
    if (answer.kind === 'login') {
      // A server in TLS would take the client for one in TLS, and ask it for its password in clear.
      const mustHaveTls = this.#terms.clientTlsRequired || this.#terms.serverTls === 'always';
      return mustHaveTls ? this.#refuse('tls_required', {}) : this.#done([toServer(packet)]);
    }
    this.#next = 3;
    this.#state = 'encrypting';
    this.#waitsFor.add('client');
    const encryptClient: ExchangeStep = { kind: 'encrypt', side: 'client', received: this.#client.rest() };
    if (!this.#goesToTls) return [encryptClient];
    this.#waitsFor.add('server');
    return [
      toServer(packet),
      { kind: 'encrypt', side: 'server', received: new Uint8Array(0) },
      encryptClient,
    ];
  }

  #login(): readonly ExchangeStep[] {
    const packet = this.#client.next();
    if (packet === null) return [];
    if (packet === 'too-long') return this.#refuse('protocol_violation', { why: tooLong.why });
    this.#plugin = pluginOfLogin(packet) ?? this.#plugin;
    if (this.#plugin !== null && clearAtOnce.has(this.#plugin)) return this.#refuseLogin();
    this.#state = 'authenticating';
    return [toServer(renumbered(withoutTls(packet), -1)), ...this.#shiftToServer()];
  }

  #shiftToServer(): readonly ExchangeStep[] {
    const steps: ExchangeStep[] = [];
    for (let packet = this.#client.next(); packet !== null; packet = this.#client.next()) {
      if (packet === 'too-long') {
        return [...steps, ...this.#refuse('protocol_violation', { why: tooLong.why })];
      }
      this.#next = (sequenceOf(packet) + 1) % 256;
      steps.push(toServer(renumbered(packet, -1)));
    }
    return steps;
  }

  #shiftToClient(): readonly ExchangeStep[] {
    const steps: ExchangeStep[] = [];
    for (let packet = this.#server.next(); packet !== null; packet = this.#server.next()) {
      if (packet === 'too-long') {
        return [...steps, ...this.#refuse('server_protocol_violation', { why: tooLong.why })];
      }
      const marker = packet[headerLength];
      if (marker === authSwitchMarker || marker === nextFactorMarker) {
        this.#plugin = textAt(packet, headerLength + 1) ?? this.#plugin;
      }
      const goesOn = marker !== okMarker && marker !== errorMarker;
      if (goesOn && marker !== undefined && this.#isUnsafe(marker)) {
        return [...steps, ...this.#refuseLogin()];
      }
      const passed = renumbered(packet, 1);
      this.#next = (sequenceOf(passed) + 1) % 256;
      steps.push({ kind: 'to-client', bytes: passed });
      if (!goesOn) return this.#done(steps);
    }
    return steps;
  }

  #isUnsafe(marker: number): boolean {
    const asks = marker === authSwitchMarker || marker === nextFactorMarker || marker === moreDataMarker;
    return asks && this.#plugin !== null && clearOverTls.has(this.#plugin);
  }

  #refuseLogin(): readonly ExchangeStep[] {
    return this.#refuse('insecure_login', { plugin: this.#plugin ?? '' });
  }

  #refuse(
    code: Extract<ExchangeStep, { kind: 'refuse' }>['code'],
    details: Readonly<Record<string, string>>,
  ): readonly ExchangeStep[] {
    this.#state = 'over';
    return [{ kind: 'refuse', code, details }];
  }

  /** What was received and not looked at goes its way unchanged. */
  #done(steps: readonly ExchangeStep[]): readonly ExchangeStep[] {
    this.#state = 'over';
    const [fromClient, fromServer] = [this.#client.rest(), this.#server.rest()];
    return [
      ...steps,
      ...(fromClient.length > 0 ? [toServer(fromClient)] : []),
      ...(fromServer.length > 0 ? [{ kind: 'to-client', bytes: fromServer } as const] : []),
      { kind: 'done' },
    ];
  }
}

const tooLong = { kind: 'malformed', why: 'a packet of the login is too long' } as const;
const toServer = (bytes: Uint8Array): ExchangeStep => ({ kind: 'to-server', bytes });
const sequenceOf = (packet: Uint8Array): number => packet[headerLength - 1] ?? 0;

/** A copy with a number that is `by` higher; numbers go round at 256. */
function renumbered(packet: Uint8Array, by: 1 | -1): Uint8Array {
  const changed = packet.slice();
  changed[headerLength - 1] = (sequenceOf(packet) + by + 256) % 256;
  return changed;
}
