/// A JSON value, as vectors are written in it: numbers are whole, bytes are hexadecimal text.
enum Json: Equatable, Sendable {
    case truth(Bool)
    case number(Int)
    case text(String)
    case list([Json])
    case object([String: Json])

    static func hex(_ bytes: some Sequence<UInt8>) -> Json {
        .text(bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined())
    }

    /// The bytes of hexadecimal text; `nil` where it is none.
    var bytes: [UInt8]? {
        guard case .text(let text) = self, text.utf8.count % 2 == 0 else { return nil }
        let digits = text.compactMap(\.hexDigitValue)
        guard digits.count == text.utf8.count else { return nil }
        return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }

    subscript(key: String) -> Json? {
        guard case .object(let pairs) = self else { return nil }
        return pairs[key]
    }

    /// The members of a list; none of anything else.
    var items: [Json] {
        guard case .list(let items) = self else { return [] }
        return items
    }
}

extension Json: Codable {
    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let truth = try? container.decode(Bool.self) {
            self = .truth(truth)
        } else if let number = try? container.decode(Int.self) {
            self = .number(number)
        } else if let text = try? container.decode(String.self) {
            self = .text(text)
        } else if let items = try? container.decode([Json].self) {
            self = .list(items)
        } else {
            self = .object(try container.decode([String: Json].self))
        }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .truth(let truth): try container.encode(truth)
        case .number(let number): try container.encode(number)
        case .text(let text): try container.encode(text)
        case .list(let items): try container.encode(items)
        case .object(let pairs): try container.encode(pairs)
        }
    }
}

extension Json: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    init(stringLiteral value: String) { self = .text(value) }
    init(integerLiteral value: Int) { self = .number(value) }
    init(booleanLiteral value: Bool) { self = .truth(value) }
    init(arrayLiteral elements: Json...) { self = .list(elements) }
    init(dictionaryLiteral elements: (String, Json)...) { self = .object(Dictionary(elements) { $1 }) }
}
