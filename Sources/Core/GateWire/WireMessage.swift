import GateModel
package import NIOCore

/// One message as a record carries it: like ``SessionMessage``, with extender messages in parts.
package enum WireMessage: Equatable, Sendable {
    /// Everything that fits a record whole; never `.message`.
    case whole(SessionMessage)
    /// A message begins; `head.payload` is its first part, `total` its whole length.
    case messageStart(part: UInt32, head: ExtenderMessage, total: Int)
    /// The next part of the message that began under the number `part`.
    case messagePart(part: UInt32, ByteBuffer)
}

/// Why bytes inside an authentic record are not messages.
package enum WireFailure: Error, Equatable {
    /// The record ends inside a message.
    case truncated
    /// No message has this type.
    case unknownType(UInt8)
    /// A count, length, flag or class is outside what the type allows.
    case outOfBounds
}
