// A smoke run of PostgreSQL's JDBC driver, and every call of DatabaseMetaData that tools make. The
// address and the token come by the environment; what it saw goes to stdout, a value a line.

import java.math.BigDecimal;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;

public class Ledger {
    private static final String CHANGE = "UPDATE ledger SET balance = balance + ? WHERE id = ?";

    private interface Call {
        ResultSet rows() throws SQLException;
    }

    private static Connection opened() throws SQLException {
        Properties known = new Properties();
        known.setProperty("user", System.getenv("PGUSER"));
        known.setProperty("password", System.getenv("PGPASSWORD"));
        known.setProperty("sslmode", "verify-full");
        known.setProperty("sslrootcert", System.getenv("PGSSLROOTCERT"));
        String address = System.getenv("PGHOST") + ":" + System.getenv("PGPORT");
        return DriverManager.getConnection("jdbc:postgresql://" + address + "/postgres", known);
    }

    private static void change(Connection client, int amount, int id) throws SQLException {
        try (PreparedStatement statement = client.prepareStatement(CHANGE)) {
            statement.setInt(1, amount);
            statement.setInt(2, id);
            statement.executeUpdate();
        }
    }

    private static void say(String name, Object value) {
        System.out.println(name + "=" + value);
    }

    private static void ask(String name, int column, Call call) throws SQLException {
        List<String> values = new ArrayList<>();
        try (ResultSet rows = call.rows()) {
            while (rows.next()) {
                values.add(rows.getString(column));
            }
        }
        say(name, values);
    }

    public static void main(String[] arguments) throws SQLException {
        try (Connection client = opened(); Connection other = opened()) {
            String insert =
                    "INSERT INTO ledger (id, balance, note, sealed, scan) VALUES (?, ?, ?, ?, ?)";
            try (PreparedStatement statement = client.prepareStatement(insert)) {
                for (int id = 10; id < 20; id++) {
                    statement.setInt(1, id);
                    statement.setBigDecimal(2, new BigDecimal("12.345678"));
                    statement.setString(3, "k\u00e4se");
                    statement.setBoolean(4, true);
                    statement.setBytes(5, new byte[] {0, 1, -1});
                    statement.addBatch();
                }
                say("batch", statement.executeBatch().length);
            }
            // From the fifth time on the driver names the statement and asks for binary values.
            String select = "SELECT balance, note, sealed, scan FROM ledger WHERE id = ?";
            try (PreparedStatement statement = client.prepareStatement(select)) {
                for (int time = 0; time < 7; time++) {
                    statement.setInt(1, 10);
                    try (ResultSet rows = statement.executeQuery()) {
                        rows.next();
                        if (time == 6) {
                            say("row", rows.getBigDecimal(1) + " " + rows.getString(2).length()
                                    + " " + rows.getBoolean(3) + " " + rows.getBytes(4).length);
                        }
                    }
                }
            }
            metadata(client.getMetaData());

            client.setAutoCommit(false);
            change(client, -10, 1);
            change(client, 10, 2);
            client.commit();
            try (ResultSet rows = client.createStatement()
                    .executeQuery("SELECT balance FROM ledger WHERE id = 1")) {
                rows.next();
            }
            change(other, 1, 1);
            change(client, 5, 1);
            try {
                client.commit();
            } catch (SQLException error) {
                say("commit", error.getSQLState());
            }
            client.rollback();
            client.setReadOnly(true);
            try {
                change(client, 5, 1);
            } catch (SQLException error) {
                say("readOnly", error.getSQLState());
            }
            client.rollback();
        }
    }

    private static void metadata(DatabaseMetaData known) throws SQLException {
        say("product", known.getDatabaseProductName());
        ask("tables", 3, () -> known.getTables(null, "public", "ledger", new String[] {"TABLE"}));
        ask("columns", 4, () -> known.getColumns(null, "public", "ledger", null));
        ask("types", 6, () -> known.getColumns(null, "public", "ledger", null));
        ask("key", 4, () -> known.getPrimaryKeys(null, "public", "ledger"));
        ask("indexes", 6, () -> known.getIndexInfo(null, "public", "ledger", false, true));
        ask("schemas", 1, known::getSchemas);
        ask("catalogs", 1, known::getCatalogs);
        ask("imported", 8, () -> known.getImportedKeys(null, "public", "ledger"));
        ask("exported", 8, () -> known.getExportedKeys(null, "public", "ledger"));
        ask("crossed", 8, () -> known.getCrossReference(null, "public", "ledger", null, null, "x"));
        ask("rowIdentifier", 2, () -> known.getBestRowIdentifier(null, "public", "ledger", 0, true));
        ask("version", 2, () -> known.getVersionColumns(null, "public", "ledger"));
        ask("functions", 3, () -> known.getFunctions(null, "public", "%"));
        ask("arguments", 4, () -> known.getFunctionColumns(null, "public", "%", "%"));
        ask("procedures", 3, () -> known.getProcedures(null, "sys", "%"));
        ask("procedureColumns", 4, () -> known.getProcedureColumns(null, "sys", "%", "%"));
        ask("userTypes", 3, () -> known.getUDTs(null, "public", "%", null));
        ask("tablePrivileges", 6, () -> known.getTablePrivileges(null, "public", "ledger"));
        ask("columnPrivileges", 7, () -> known.getColumnPrivileges(null, "public", "ledger", "id"));
        ask("clientInfo", 1, known::getClientInfoProperties);
        say("allTypes", count(known.getTypeInfo()) > 10);
        say("keywords", known.getSQLKeywords().length() > 10);
        say("nameLength", known.getMaxTableNameLength());
    }

    private static int count(ResultSet rows) throws SQLException {
        int found = 0;
        while (rows.next()) {
            found++;
        }
        return found;
    }
}
