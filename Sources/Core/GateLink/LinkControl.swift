import GateModel
import NIOCore
import SwiftProtobuf

// What every control body has in common: bounded parsing, and identifiers as two numbers.

/// Parses a control body of at most ``LinkLimits/controlBytesMax``; `nil` where it is no such message.
func parsed<Body: SwiftProtobuf.Message>(_ type: Body.Type, from bytes: ByteBuffer) -> Body? {
    guard bytes.readableBytes <= LinkLimits.controlBytesMax else { return nil }
    var options = BinaryDecodingOptions()
    options.messageDepthLimit = 4
    options.discardUnknownFields = true
    return try? Body(serializedBytes: Array(bytes.readableBytesView), options: options)
}

/// Reads the header before a payload; what remains of `bytes` is the payload, within its bound.
func parsedHeader<Header: SwiftProtobuf.Message>(_ type: Header.Type, from bytes: inout ByteBuffer) -> Header? {
    guard let length = bytes.readInteger(as: UInt16.self), length <= LinkLimits.payloadHeaderBytesMax,
        let header = bytes.readSlice(length: Int(length)), bytes.readableBytes <= LinkLimits.payloadBytesMax
    else { return nil }
    return parsed(Header.self, from: header)
}

extension WireUuid {
    init(_ value: UUIDBytes) {
        self.init()
        high = value.high
        low = value.low
    }

    var value: UUIDBytes { UUIDBytes(high: high, low: low) }
}

extension String {
    /// The text, cut at a character so that it has at most `bytes` bytes of UTF-8.
    func cut(to bytes: Int) -> String {
        guard utf8.count > bytes else { return self }
        var end = utf8.index(startIndex, offsetBy: bytes)
        while end > startIndex, end.samePosition(in: self) == nil { end = utf8.index(before: end) }
        return String(self[..<end])
    }

    /// The text itself where it has at most `bytes` bytes of UTF-8.
    func within(_ bytes: Int) -> String? { utf8.count <= bytes ? self : nil }
}
