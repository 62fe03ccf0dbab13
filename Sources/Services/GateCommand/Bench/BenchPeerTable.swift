import Crypto
import GateModel

/// The peers that `bench database` asks for: made by the server itself, row by row what the service writes about a peer
/// that an operator added and that was seen.
///
/// The order in which rows come is not the order of their nodes, as with real peers: the rows of a page lie apart.
struct BenchPeerTable {
    let rowCount: Int

    /// Bytes that stand for a signed record: about as many as one with an endpoint and four suites has.
    private static let recordBytes = 144

    /// Fills the empty table `quantumgate.peer`: one statement, everything computed from the row's number.
    var filling: String {
        """
        INSERT INTO quantumgate.peer (node, bundle_hash, endpoints, access, is_relay, features, record, first_seen,
            last_seen, note)
        SELECT md5(n::text)::uuid, sha256(n::text::bytea),
            CASE WHEN n % 4 = 0 THEN '' ELSE '192.0.2.' || n % 250 || ':7700' END, n % 3, n % 10 = 0, 5,
            CASE WHEN n % 4 = 0 THEN ''::bytea ELSE substr(
                sha512(n::text::bytea) || sha512((-n)::text::bytea) || sha256(n::text::bytea),
                1, \(BenchPeerTable.recordBytes)) END,
            1700000000, 1700000000 + n % 1000000, ''
        FROM generate_series(1, \(rowCount)) AS n
        """
    }

    /// Brings the table's statistics and visibility up to date, as the server does itself some time after a change.
    static let settling = "VACUUM ANALYZE quantumgate.peer"

    /// The node of the `number`th row, from 1 on.
    static func node(_ number: Int) -> NodeUUID {
        let digest = Array(Insecure.MD5.hash(data: Array("\(number)".utf8)))
        return NodeUUID(UUIDBytes(bytes: digest) ?? UUIDBytes(high: 0, low: 0))
    }
}
