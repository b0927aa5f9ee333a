import java.sql.Driver;
import java.sql.DriverManager;
import java.sql.SQLException;

/**
 * `java Write CLASS`: a numbered row every 10 ms through the class, which is an Orders, until it is killed. Prints
 * `driver VERSION`, `ack NUMBER` and `error CODE MESSAGE`, a line each.
 */
final class Write {
    public static void main(String[] args) throws Exception {
        Orders orders = (Orders) Class.forName(args[0]).getDeclaredConstructor().newInstance();
        int client = Integer.parseInt(System.getenv("CLIENT"));
        Driver driver = DriverManager.drivers().findFirst().orElseThrow();
        System.out.println("driver " + driver.getMajorVersion() + "." + driver.getMinorVersion());
        for (long number = 1; ; number++) {
            try {
                orders.insert(client, number);
                System.out.println("ack " + number);
            } catch (SQLException error) {
                System.out.println("error " + error.getSQLState() + "/" + error.getErrorCode() + " " + String.valueOf(error.getMessage()).replace('\n', ' '));
            }
            // Nobody reads it any more.
            if (System.out.checkError()) return;
            Thread.sleep(10);
        }
    }
}
