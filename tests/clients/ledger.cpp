// A smoke run of libpqxx. Its address and its token come by the environment, as libpq's do; what it saw goes to stdout, a
// line for each fact.
#include <iostream>
#include <pqxx/pqxx>

static const char *change = "UPDATE ledger SET balance = balance + $1 WHERE id = $2 RETURNING balance";

int main() {
    std::cout << std::unitbuf;
    pqxx::connection client("");
    client.prepare("change", change);
    {
        pqxx::work work(client);
        work.exec_params("INSERT INTO ledger (id, balance, note, sealed) VALUES ($1, $2, $3, $4)", 10, "12.345678", "käse",
                         true);
        work.exec_prepared("change", -10, 1);
        work.exec_prepared("change", 10, 2);
        work.commit();
    }
    {
        pqxx::work work(client);
        pqxx::row row = work.exec_params1("SELECT balance, note, sealed FROM ledger WHERE id = $1", 10);
        std::cout << "row=" << row[0].c_str() << " " << row[1].c_str() << " " << row[2].as<bool>() << "\n";
    }
    pqxx::connection other("");
    try {
        pqxx::connection third("");
        pqxx::read_transaction(third).exec("SELECT 1");
    } catch (const pqxx::sql_error &error) {  // it says SET TRANSACTION READ ONLY
        std::cout << "readOnly=" << error.sqlstate() << "\n";
    }
    {
        pqxx::work work(client);
        pqxx::stream_to rows(work, "ledger", std::vector<std::string>{"id", "balance"});
        for (int id = 20; id < 22; ++id) rows << std::make_tuple(id, id);
        rows.complete();
        work.commit();
    }
    {
        pqxx::work work(client);
        pqxx::pipeline pipeline(work);
        pqxx::pipeline::query_id first = pipeline.insert("SELECT count(*) FROM ledger WHERE id >= 20");
        pqxx::pipeline::query_id second = pipeline.insert("SELECT 7");
        std::cout << "pipeline=" << pipeline.retrieve(first)[0][0].c_str() << " " << pipeline.retrieve(second)[0][0].c_str()
                  << "\n";
    }
    {
        pqxx::work work(client);
        pqxx::icursorstream cursor(work, "SELECT id FROM ledger ORDER BY id", "ids", 2);
        pqxx::result page;
        int pages = 0;
        while (cursor >> page) ++pages;
        std::cout << "pages=" << pages << "\n";
    }
    try {
        pqxx::nontransaction alone(client);
        alone.exec("SELECT 1 / 0");
    } catch (const pqxx::sql_error &error) {
        std::cout << "error=" << error.sqlstate() << "\n";
    }
    try {
        pqxx::work work(client);
        work.exec("SELECT balance FROM ledger WHERE id = 1");
        pqxx::nontransaction(other).exec_params(change, 1, 1);
        std::cout << "within=" << work.exec_prepared1("change", 5, 1)[0].c_str() << "\n";
        work.commit();
    } catch (const pqxx::serialization_failure &error) {
        std::cout << "commit=" << error.what();
    }
}
