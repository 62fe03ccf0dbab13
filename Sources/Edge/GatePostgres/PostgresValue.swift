import GateModel

/// A parameter of a statement, sent in PostgreSQL's binary form. The server infers the type from the statement, so a
/// column has to be of the type that stands here: `bigint`, `boolean`, `text`, `bytea`, `uuid`, `xid8`, and arrays.
enum PostgresValue: Sendable {
    case null
    case integer(Int64)
    case flag(Bool)
    case text(String)
    case bytes([UInt8])
    case uuid(UUIDBytes)
    case transaction(UInt64)
    case uuids([UUIDBytes])
    case byteStrings([[UInt8]])
    case texts([String])

    static func integer(_ value: Int) -> PostgresValue { .integer(Int64(value)) }
    static func integer(_ value: UInt32) -> PostgresValue { .integer(Int64(value)) }
    static func integer(_ value: Int64?) -> PostgresValue { value.map { .integer($0) } ?? .null }
    static func bytes(_ value: [UInt8]?) -> PostgresValue { value.map { .bytes($0) } ?? .null }
    static func text(_ value: String?) -> PostgresValue { value.map { .text($0) } ?? .null }
    static func uuid(_ value: UUIDBytes?) -> PostgresValue { value.map { .uuid($0) } ?? .null }

    /// Appends the binary form; `false` for null, which has none.
    func write(to bytes: inout [UInt8]) -> Bool {
        switch self {
        case .null: return false
        case .integer(let value): PostgresValue.append(UInt64(bitPattern: value), to: &bytes)
        case .flag(let value): bytes.append(value ? 1 : 0)
        case .text(let text): bytes.append(contentsOf: text.utf8)
        case .bytes(let value): bytes.append(contentsOf: value)
        case .uuid(let value): PostgresValue.append(value, to: &bytes)
        case .transaction(let value): PostgresValue.append(value, to: &bytes)
        case .uuids(let values):
            PostgresValue.beginArray(of: PostgresValue.uuidType, values.count, in: &bytes)
            for value in values {
                PostgresValue.append(UInt32(16), to: &bytes)
                PostgresValue.append(value, to: &bytes)
            }
        case .byteStrings(let values):
            PostgresValue.appendArray(of: PostgresValue.bytesType, values, to: &bytes)
        case .texts(let values):
            PostgresValue.appendArray(of: PostgresValue.textType, values.map { Array($0.utf8) }, to: &bytes)
        }
        return true
    }

    // PostgreSQL's numbers of the types `uuid`, `bytea` and `text`.
    private static let uuidType: UInt32 = 2950
    private static let bytesType: UInt32 = 17
    private static let textType: UInt32 = 25

    private static func appendArray(of type: UInt32, _ values: [[UInt8]], to bytes: inout [UInt8]) {
        beginArray(of: type, values.count, in: &bytes)
        for value in values {
            append(UInt32(value.count), to: &bytes)
            bytes.append(contentsOf: value)
        }
    }

    /// Dimensions, no nulls, type of the elements, their count, first index; each follows with its length.
    private static func beginArray(of type: UInt32, _ count: Int, in bytes: inout [UInt8]) {
        for word in [1, 0, type, UInt32(count), 1] { append(word, to: &bytes) }
    }

    private static func append(_ value: UUIDBytes, to bytes: inout [UInt8]) {
        append(value.high, to: &bytes)
        append(value.low, to: &bytes)
    }

    private static func append(_ value: some FixedWidthInteger, to bytes: inout [UInt8]) {
        withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
    }
}

extension UUIDBytes {
    /// Reads sixteen bytes in place.
    init(_ bytes: UnsafeRawBufferPointer) {
        self.init(
            high: UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
            low: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
    }
}
