import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.SQLException;

final class MysqlConnectorJDefaults implements Orders {
    private Connection connection;

    public void insert(int client, long number) throws SQLException {
        try {
            if (connection == null) {
                connection = DriverManager.getConnection(
                    "jdbc:mysql://" + System.getenv("DB_HOST") + ":" + System.getenv("DB_PORT") + "/shop", "root", "");
            }
            try (PreparedStatement statement = connection.prepareStatement("INSERT INTO visits (client, number) VALUES (?, ?)")) {
                statement.setInt(1, client);
                statement.setLong(2, number);
                statement.executeUpdate();
            }
        } catch (SQLException error) {
            if (connection != null) connection.close();
            connection = null;
            throw error;
        }
    }
}
