import type { Engine } from '../engine.ts';
import { discoverMysql } from './discovery.ts';
import { mysqlProtocol } from './handshake.ts';
import { MysqlKiller } from './killer.ts';
import { MysqlOperations } from './operations.ts';
import { mysqlPositions } from './position.ts';
import { MysqlProbe } from './probe.ts';
import { surveyMysql } from './survey.ts';

/** MySQL 8.0 to 9.x and MariaDB 10.6 and newer; which of the two it is shows in a server's greeting. */
export const mysql: Engine = {
  name: 'mysql',
  defaultPort: 3306,
  positions: mysqlPositions,
  protocol: mysqlProtocol,
  formerWriterCanFollow: true,
  createProbe: (target) => new MysqlProbe(target),
  createOperations: (target) => new MysqlOperations(target),
  discover: discoverMysql,
  survey: surveyMysql,
  createKiller: (target) => new MysqlKiller(target),
};
