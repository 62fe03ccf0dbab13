import GateModel
package import NIOCore

extension MessageCodec {
    /// Takes the next message off a record's plaintext; `nil` at its end or where padding begins. Data are slices of
    /// `plaintext`, not copies.
    package static func decode(_ plaintext: inout ByteBuffer) throws(WireFailure) -> WireMessage? {
        guard let type = plaintext.readInteger(as: UInt8.self) else { return nil }
        guard let kind = Kind(rawValue: type) else { throw .unknownType(type) }
        switch kind {
        case .padding:
            plaintext.moveReaderIndex(to: plaintext.writerIndex)
            return nil
        case .streamData:
            let (alias, length) = try plaintext.take(UInt32.self, UInt16.self)
            return .whole(.streamData(alias: alias, try plaintext.take(Int(length))))
        case .messageStart: return try decodeMessageStart(&plaintext)
        case .messagePart:
            let (part, length) = try plaintext.take(UInt32.self, UInt16.self)
            return .messagePart(part: part, try plaintext.take(Int(length)))
        case .ping: return .whole(.ping(try plaintext.take(UInt64.self)))
        case .pong: return .whole(.pong(try plaintext.take(UInt64.self)))
        case .close: return .whole(.close(SessionCloseReason(rawValue: try plaintext.take(UInt8.self))))
        case .resumed:
            let (verdict, epoch) = try plaintext.take(UInt8.self, UInt32.self)
            guard verdict <= 1 else { throw .outOfBounds }
            return .whole(.resumed(isAccepted: verdict == 1, epoch: epoch))
        case .certificate:
            let length = Int(try plaintext.take(UInt16.self))
            guard length <= WireLimits.certificateBytesMax else { throw .outOfBounds }
            return .whole(.certificate(try plaintext.take(length)))
        case .keyRequest: return .whole(.keyRequest(try decodeShare(&plaintext)))
        case .keyReply: return .whole(.keyReply(try decodeShare(&plaintext)))
        case .keySwitch: return .whole(.keySwitch(epoch: try plaintext.take(UInt32.self)))
        case .extenders: return .whole(.extenders(try decodeExtenders(&plaintext)))
        case .receipt:
            let (id, status) = try plaintext.take(UInt64.self, UInt8.self)
            return .whole(.receipt(id: id, status: ReceiptStatus(rawValue: status)))
        case .streamOpen: return .whole(try decodeStreamOpen(&plaintext))
        case .streamCredit:
            let (alias, limit) = try plaintext.take(UInt32.self, UInt64.self)
            return .whole(.streamCredit(alias: alias, limit: limit))
        case .streamAcknowledged:
            let (alias, offset) = try plaintext.take(UInt32.self, UInt64.self)
            return .whole(.streamAcknowledged(alias: alias, offset: offset))
        case .streamFinish: return .whole(.streamFinish(alias: try plaintext.take(UInt32.self)))
        case .streamReset:
            let (alias, code) = try plaintext.take(UInt32.self, UInt32.self)
            return .whole(.streamReset(alias: alias, code: code))
        case .cells:
            let count = Int(try plaintext.take(UInt8.self))
            guard (1...WireLimits.cellsMax).contains(count) else { throw .outOfBounds }
            return .whole(.cells(try plaintext.take(count * WireLimits.cellBytes)))
        case .circuitCredit:
            let (circuit, cells) = try plaintext.take(UInt32.self, UInt32.self)
            return .whole(.circuitCredit(circuit: circuit, cells: cells))
        case .circuitDestroy:
            let (circuit, reason) = try plaintext.take(UInt32.self, UInt8.self)
            return .whole(.circuitDestroy(circuit: circuit, reason: reason))
        case .streamDone: return .whole(.streamDone(alias: try plaintext.take(UInt32.self)))
        case .streamResume: return .whole(try decodeStreamResume(&plaintext))
        }
    }

    private static func decodeShare(_ plaintext: inout ByteBuffer) throws(WireFailure) -> KeyShare {
        let epoch = try plaintext.take(UInt32.self)
        let agreement = try plaintext.take(KeyShare.agreementBytes)
        let length = Int(try plaintext.take(UInt16.self))
        guard length <= WireLimits.encapsulationBytesMax else { throw .outOfBounds }
        let encapsulation = try plaintext.take(length)
        return KeyShare(
            epoch: epoch, agreement: Array(agreement.readableBytesView),
            encapsulation: Array(encapsulation.readableBytesView))
    }

    private static func decodeExtenders(_ plaintext: inout ByteBuffer) throws(WireFailure) -> [ExtenderID] {
        let count = Int(try plaintext.take(UInt16.self))
        guard count <= WireLimits.extendersMax else { throw .outOfBounds }
        guard plaintext.readableBytes >= 16 * count else { throw .truncated }
        var list: [ExtenderID] = []
        list.reserveCapacity(count)
        for _ in 0..<count { list.append(try plaintext.takeExtender()) }
        return list
    }

    private static func decodeMessageStart(_ plaintext: inout ByteBuffer) throws(WireFailure) -> WireMessage {
        let part = try plaintext.take(UInt32.self)
        let extender = try plaintext.takeExtender()
        let (id, bits) = try plaintext.take(UInt64.self, UInt8.self)
        let (total, length) = try plaintext.take(UInt32.self, UInt16.self)
        let flags = ExtenderMessage.Flags(rawValue: bits)
        guard total <= WireLimits.messageBytesMax, length <= total, flags.isSubset(of: .known) else {
            throw .outOfBounds
        }
        let head = ExtenderMessage(
            extender: extender, id: id, flags: flags, payload: try plaintext.take(Int(length)))
        return .messageStart(part: part, head: head, total: Int(total))
    }

    private static func decodeStreamOpen(_ plaintext: inout ByteBuffer) throws(WireFailure) -> SessionMessage {
        let (alias, replica) = try plaintext.take(UInt32.self, UInt64.self)
        let counter = try plaintext.take(UInt64.self)
        let extender = try plaintext.takeExtender()
        let (class_, credit) = try plaintext.take(UInt8.self, UInt64.self)
        let priority = try streamPriority(class_)
        return .streamOpen(
            alias: alias, id: StreamID(replica: replica, counter: counter), extender: extender, priority: priority,
            credit: credit)
    }

    private static func decodeStreamResume(_ plaintext: inout ByteBuffer) throws(WireFailure) -> SessionMessage {
        let (alias, replica) = try plaintext.take(UInt32.self, UInt64.self)
        let counter = try plaintext.take(UInt64.self)
        let extender = try plaintext.takeExtender()
        let (class_, flags) = try plaintext.take(UInt8.self, UInt8.self)
        let (received, acknowledged) = try plaintext.take(UInt64.self, UInt64.self)
        let standing = StreamStanding(
            received: received, acknowledged: acknowledged, limit: try plaintext.take(UInt64.self),
            flags: StreamStanding.Flags(rawValue: flags))
        let priority = try streamPriority(class_)
        guard standing.isPossible else { throw .outOfBounds }
        return .streamResume(
            alias: alias,
            StreamResume(
                id: StreamID(replica: replica, counter: counter), extender: extender, priority: priority,
                standing: standing))
    }

    private static func streamPriority(_ value: UInt8) throws(WireFailure) -> Priority {
        guard let priority = Priority(rawValue: value), priority == .interactive || priority == .bulk else {
            throw .outOfBounds
        }
        return priority
    }
}

extension ByteBuffer {
    fileprivate mutating func take<A: FixedWidthInteger>(_: A.Type) throws(WireFailure) -> A {
        guard let value = readInteger(as: A.self) else { throw .truncated }
        return value
    }

    fileprivate mutating func take<A: FixedWidthInteger, B: FixedWidthInteger>(
        _: A.Type, _: B.Type
    ) throws(WireFailure) -> (A, B) {
        guard let values = readMultipleIntegers(as: (A, B).self) else { throw .truncated }
        return values
    }

    fileprivate mutating func take(_ count: Int) throws(WireFailure) -> ByteBuffer {
        guard let slice = readSlice(length: count) else { throw .truncated }
        return slice
    }

    fileprivate mutating func takeExtender() throws(WireFailure) -> ExtenderID {
        let (high, low) = try take(UInt64.self, UInt64.self)
        return ExtenderID(UUIDBytes(high: high, low: low))
    }
}
