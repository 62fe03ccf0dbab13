package import GateModel
package import NIOCore

/// One message from an extender on one node to the same extender on the other; at most once.
package struct ExtenderMessage: Equatable, Sendable {
    /// The service that it is from and for.
    package var extender: ExtenderID
    /// Chosen by the sender; what receipts and duplicate removal go by.
    package var id: UInt64
    /// How to treat it.
    package var flags: Flags
    /// At most ``WireLimits/messageBytesMax`` bytes.
    package var payload: ByteBuffer

    package init(extender: ExtenderID, id: UInt64, flags: Flags = [], payload: ByteBuffer) {
        self.extender = extender
        self.id = id
        self.flags = flags
        self.payload = payload
    }

    /// How to treat a message: one byte. Unknown bits are refused.
    package struct Flags: OptionSet, Hashable, Sendable {
        package let rawValue: UInt8

        package init(rawValue: UInt8) { self.rawValue = rawValue }

        /// The sender waits for a ``ReceiptStatus``.
        package static let receiptWanted = Flags(rawValue: 1)
        /// The payload is awaited by a person and travels in the interactive class, otherwise in bulk.
        package static let interactive = Flags(rawValue: 2)

        /// On the wire: the payload is as ``PayloadCompression`` makes it. Handed to a session: it may become so.
        package static let compressed = Flags(rawValue: 4)

        /// Every bit that means something.
        package static let known: Flags = [.receiptWanted, .interactive, .compressed]
    }

    /// The class in which the message waits.
    package var priority: Priority { flags.contains(.interactive) ? .interactive : .bulk }
}

/// What became of a message whose sender wanted to know. Codes not listed are kept as they came.
package struct ReceiptStatus: RawRepresentable, Hashable, Sendable {
    /// The byte on the wire.
    package let rawValue: UInt8

    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// The other side's handler took it.
    package static let delivered = ReceiptStatus(rawValue: 0)
    /// The other side has no such extender.
    package static let noSuchExtender = ReceiptStatus(rawValue: 1)
    /// The extender is there but its queue is full; try later.
    package static let queueFull = ReceiptStatus(rawValue: 2)
    /// The extender or access control refused it.
    package static let refused = ReceiptStatus(rawValue: 3)
}
