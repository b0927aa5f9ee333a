import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.Map;
import java.util.Set;

final class PgJdbcRecommended implements Orders {
    interface Work {
        void run(Connection connection) throws SQLException;
    }

    private static final String HOST = System.getenv().getOrDefault("DB_HOST", "127.0.0.1");
    private static final String PORT = System.getenv().getOrDefault("DB_PORT", "6432");
    private static final Map<String, String> DRIVER = Map.of(
        "connectTimeout", "10", // seconds, of the TCP connect; default: 10
        "loginTimeout", "15", // seconds, up to the end of the login; default: for ever
        "sslResponseTimeout", "15000", // milliseconds that TLS may be waited for: a held connection waits here; default: 5000
        "socketTimeout", "15", // seconds without an answer: the connection is given up; above your longest statement
        "tcpKeepAlive", "true");

    private final HikariDataSource pool = new HikariDataSource(settings());

    private static HikariConfig settings() {
        HikariConfig settings = new HikariConfig();
        settings.setJdbcUrl("jdbc:postgresql://" + HOST + ":" + PORT + "/postgres");
        settings.setUsername(System.getenv().getOrDefault("DB_USER", "postgres"));
        settings.setPassword(System.getenv().getOrDefault("DB_PASSWORD", ""));
        settings.setMaximumPoolSize(10);
        settings.setConnectionTimeout(15_000); // for a connection from the pool, in milliseconds; default: 30 s
        settings.setValidationTimeout(2_000); // connections idle for 500 ms are tested before they are handed out
        settings.setMaxLifetime(1_800_000); // below any idle_timeout on the way
        settings.setInitializationFailTimeout(60_000); // an application that starts while there is no writer; default: 1 ms
        // From HikariCP 4 on: settings.setKeepaliveTime(60_000);
        DRIVER.forEach(settings::addDataSourceProperty);
        return settings;
    }

    /** SQLSTATEs of a lost connection, of a server that stops or is read-only, and of HikariCP's own timeout. */
    private static boolean isTransient(SQLException error) {
        String state = error.getSQLState();
        if (state == null) return error instanceof java.sql.SQLTransientConnectionException;
        return state.startsWith("08") || Set.of("57P01", "57P02", "57P03", "25006", "53300").contains(state);
    }

    /** Runs the work in a transaction, and all of it again where the connection or the writer was lost. */
    void transaction(Work work) throws SQLException, InterruptedException {
        long giveUpAt = System.nanoTime() + 60_000_000_000L;
        for (long pauseMs = 20; ; pauseMs = Math.min(pauseMs * 2, 1_000)) {
            Connection connection = null;
            try {
                connection = pool.getConnection();
                connection.setAutoCommit(false);
                work.run(connection);
                connection.commit();
                connection.close(); // back to the pool
                return;
            } catch (SQLException error) {
                if (!isTransient(error)) {
                    if (connection != null) connection.close(); // which rolls back
                    throw error;
                }
                // It is broken, or leads to a server that is read-only now, which HikariCP does not see by itself.
                if (connection != null) pool.evictConnection(connection);
                if (System.nanoTime() > giveUpAt) throw error;
                System.err.println("again: " + error.getSQLState() + "/" + error.getErrorCode() + " " + error.getMessage());
                Thread.sleep(pauseMs);
            }
        }
    }

    /** Harmless when it is repeated: the key is the caller's, and a row that is there already stays as it is. */
    public void insert(int client, long number) throws SQLException, InterruptedException {
        transaction(connection -> {
            String sql = "INSERT INTO orders (client, number) VALUES (?, ?) ON CONFLICT DO NOTHING";
            try (PreparedStatement statement = connection.prepareStatement(sql)) {
                statement.setInt(1, client);
                statement.setLong(2, number);
                statement.executeUpdate();
            }
        });
    }
}
