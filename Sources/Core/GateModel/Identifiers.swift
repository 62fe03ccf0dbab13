/// Sixteen bytes that name something, kept as two words so that they compare and hash without touching memory.
///
/// Text form: RFC 9562, lower case with hyphens.
public struct UUIDBytes: Hashable, Sendable, Comparable {
    /// Bytes 0-7, big-endian.
    public let high: UInt64
    /// Bytes 8-15, big-endian.
    public let low: UInt64

    /// Names the value whose first eight bytes are `high` and whose last eight are `low`, both big-endian.
    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Reads exactly sixteen bytes; `nil` for any other count.
    @inlinable public init?(bytes: some Collection<UInt8>) {
        guard bytes.count == 16 else { return nil }
        var high: UInt64 = 0
        var low: UInt64 = 0
        for byte in bytes {
            high = high << 8 | low >> 56
            low = low << 8 | UInt64(byte)
        }
        self.init(high: high, low: low)
    }

    /// Reads the 36-character text form, either case; `nil` for anything else.
    public init?(text: some StringProtocol) {
        let characters = Array(text.utf8)
        guard characters.count == 36 else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(16)
        var index = 0
        while index < 36 {
            if index == 8 || index == 13 || index == 18 || index == 23 {
                guard characters[index] == UInt8(ascii: "-") else { return nil }
                index += 1
                continue
            }
            guard let upper = hexValue(characters[index]), let lower = hexValue(characters[index + 1]) else {
                return nil
            }
            bytes.append(upper << 4 | lower)
            index += 2
        }
        self.init(bytes: bytes)
    }

    /// The sixteen bytes in order.
    public var bytes: [UInt8] { withUnsafeBytes(of: (high.bigEndian, low.bigEndian)) { Array($0) } }

    /// The 36-character text form.
    public var text: String {
        var text = ""
        text.reserveCapacity(36)
        for (index, byte) in bytes.enumerated() {
            if index == 4 || index == 6 || index == 8 || index == 10 { text.append("-") }
            text.append(hexDigits[Int(byte >> 4)])
            text.append(hexDigits[Int(byte & 15)])
        }
        return text
    }

    /// Compares as the bytes compare, first byte first.
    public static func < (left: UUIDBytes, right: UUIDBytes) -> Bool {
        left.high == right.high ? left.low < right.low : left.high < right.high
    }
}

private let hexDigits = Array("0123456789abcdef")

private func hexValue(_ character: UInt8) -> UInt8? {
    switch character {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): character - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): character - UInt8(ascii: "A") + 10
    default: nil
    }
}

/// A node's name: a UUID of version 8 made from its identity bundle, so whoever holds the bundle can check it.
public struct NodeUUID: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// The sixteen bytes.
    public let value: UUIDBytes

    /// Wraps sixteen bytes.
    public init(_ value: UUIDBytes) { self.value = value }

    /// Reads the 36-character text form.
    public init?(text: some StringProtocol) {
        guard let value = UUIDBytes(text: text) else { return nil }
        self.value = value
    }

    /// The 36-character text form.
    public var description: String { value.text }

    /// Compares as the bytes compare.
    public static func < (left: NodeUUID, right: NodeUUID) -> Bool { left.value < right.value }
}

/// The name of a service on top of nodes; the same on every node that runs it.
public struct ExtenderID: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// The sixteen bytes.
    public let value: UUIDBytes

    /// Wraps sixteen bytes.
    public init(_ value: UUIDBytes) { self.value = value }

    /// Reads the 36-character text form.
    public init?(text: some StringProtocol) {
        guard let value = UUIDBytes(text: text) else { return nil }
        self.value = value
    }

    /// The 36-character text form.
    public var description: String { value.text }

    /// Compares as the bytes compare.
    public static func < (left: ExtenderID, right: ExtenderID) -> Bool { left.value < right.value }
}

/// One session between two nodes, random; what epochs fence.
public struct SessionID: Hashable, Sendable, CustomStringConvertible {
    /// The sixteen bytes.
    public let value: UUIDBytes

    /// Wraps sixteen bytes.
    public init(_ value: UUIDBytes) { self.value = value }

    /// The 36-character text form.
    public var description: String { value.text }
}

/// Counts a session's takeovers: 0 at first, one more each time that it goes on over another connection. What a worker
/// says of an epoch below the highest that was seen has no effect.
package typealias SessionEpoch = UInt32

/// One stream between two extender replicas, unique across workers: the opener's random replica id and its counter.
public struct StreamID: Hashable, Sendable, CustomStringConvertible {
    /// The random id of the replica that opened the stream.
    public let replica: UInt64
    /// Counts up by one for each stream that the replica opens.
    public let counter: UInt64

    /// Names the `counter`th stream of `replica`.
    public init(replica: UInt64, counter: UInt64) {
        self.replica = replica
        self.counter = counter
    }

    /// `replica-counter`, in hexadecimal.
    public var description: String { "\(String(replica, radix: 16))-\(String(counter, radix: 16))" }
}

/// The extenders that ship with the node.
public enum ShippedExtender {
    /// SOCKS5 client side and exit (RFC 1928).
    public static let socks5 = ExtenderID(UUIDBytes(high: 0x7175_616e_7475_8d01, low: 0x8a00_0000_736f_636b))
}
