import CPostgres
import GateModel
import GateStore

/// The rows that a statement returned, in PostgreSQL's binary form.
///
/// `@unchecked Sendable`: a `PGresult` is never written again once libpq handed it out, and one owner clears it.
final class PostgresRows: @unchecked Sendable {
    private let result: OpaquePointer
    /// How many rows there are.
    let count: Int
    /// How many rows the statement wrote or read.
    let affectedCount: Int

    init(taking result: OpaquePointer) {
        self.result = result
        count = Int(PQntuples(result))
        affectedCount = Int(String(cString: PQcmdTuples(result))) ?? 0
    }

    deinit { PQclear(result) }

    /// The command's tag, such as `COMMIT` or `INSERT 0 1`.
    var tag: String { String(cString: PQcmdStatus(result)) }

    /// Reads every row, from its first column on.
    func map<Value>(_ read: (inout PostgresRow) throws -> Value) rethrows -> [Value] {
        try (0..<count).map { index in
            var row = PostgresRow(rows: self, index: Int32(index))
            return try read(&row)
        }
    }

    /// Reads the first row; `nil` where there is none.
    func first<Value>(_ read: (inout PostgresRow) throws -> Value) rethrows -> Value? {
        guard count > 0 else { return nil }
        var row = PostgresRow(rows: self, index: 0)
        return try read(&row)
    }

    /// The bytes of a field; `nil` for null. Valid within `body` only.
    fileprivate func withField<Value>(
        _ row: Int32, _ column: Int32, _ body: (UnsafeRawBufferPointer) throws -> Value
    ) throws -> Value? {
        guard column < PQnfields(result) else { throw StoreFailure.damaged("a row is too short") }
        guard PQgetisnull(result, row, column) == 0 else { return nil }
        let count = Int(PQgetlength(result, row, column))
        return try body(UnsafeRawBufferPointer(start: PQgetvalue(result, row, column), count: count))
    }
}

/// Reads the columns of a row one after the other; every read takes the next.
struct PostgresRow {
    fileprivate let rows: PostgresRows
    fileprivate let index: Int32
    private var column: Int32 = 0

    fileprivate init(rows: PostgresRows, index: Int32) {
        self.rows = rows
        self.index = index
    }

    mutating func integer() throws -> Int64 { try known(optionalInteger()) }
    mutating func text() throws -> String { try known(optionalText()) }
    mutating func bytes() throws -> [UInt8] { try known(optionalBytes()) }
    mutating func uuid() throws -> UUIDBytes { try known(optionalUUID()) }

    mutating func optionalInteger() throws -> Int64? {
        try field(ofBytes: 8) { Int64(bigEndian: $0.loadUnaligned(as: Int64.self)) }
    }

    /// A `bigint` that holds an unsigned number's bits, or an `xid8`.
    mutating func unsigned() throws -> UInt64 { UInt64(bitPattern: try integer()) }

    mutating func flag() throws -> Bool { try known(field(ofBytes: 1) { $0[0] != 0 }) }

    mutating func optionalText() throws -> String? { try field { String(decoding: $0, as: UTF8.self) } }

    mutating func optionalBytes() throws -> [UInt8]? { try field { Array($0) } }

    mutating func optionalUUID() throws -> UUIDBytes? { try field(ofBytes: 16) { UUIDBytes($0) } }

    private mutating func field<Value>(
        ofBytes count: Int? = nil, _ read: (UnsafeRawBufferPointer) throws -> Value
    ) throws -> Value? {
        defer { column += 1 }
        return try rows.withField(index, column) { bytes in
            guard count == nil || bytes.count == count else { throw StoreFailure.damaged("a column of another type") }
            return try read(bytes)
        }
    }

    private func known<Value>(_ value: Value?) throws -> Value {
        guard let value else { throw StoreFailure.damaged("a column without its value") }
        return value
    }
}
