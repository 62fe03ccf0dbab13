package import NIOCore
internal import SwiftProtobuf

/// Frames to bytes.
package enum LinkFrameEncoder {
    /// Appends the whole frame.
    ///
    /// Throws, with `output` as it was, where the frame is longer than the protocol's bounds.
    package static func encode(_ frame: LinkFrame, into output: inout ByteBuffer) throws(LinkFrameFault) {
        guard var payload = try encodeHead(of: frame, into: &output) else { return }
        output.writeBuffer(&payload)
    }

    /// Appends all of the frame but its payload, and returns the payload (never empty), which must follow as it is.
    ///
    /// So a large payload can be written as a buffer of its own and is not copied here.
    package static func encodeHead(
        of frame: LinkFrame, into output: inout ByteBuffer
    ) throws(LinkFrameFault) -> ByteBuffer? {
        let before = output.writerIndex
        let type = frame.type
        output.writeInteger(UInt32(0))
        output.writeInteger(type.rawValue)
        output.writeInteger(frame.stream)
        let payload = frame.writeBody(into: &output)
        let bodyBytes = output.writerIndex - before - LinkLimits.headerBytes + (payload?.readableBytes ?? 0)
        guard type.bodyBytes.contains(bodyBytes), (payload?.readableBytes ?? 0) <= type.payloadBytesMax else {
            output.moveWriterIndex(to: before)
            throw .impossibleLength
        }
        output.setInteger(UInt32(bodyBytes + 5), at: before)
        return payload?.readableBytes == 0 ? nil : payload
    }
}

extension LinkFrameType {
    var payloadBytesMax: Int { self == .streamData ? LinkLimits.dataBytesMax : LinkLimits.payloadBytesMax }
}

extension LinkFrame {
    fileprivate var stream: UInt32 {
        switch self {
        case .streamOpen(let alias, _), .streamData(let alias, _), .streamCredit(let alias, _),
            .streamAcknowledged(let alias, _), .streamFinish(let alias), .streamReset(let alias, _),
            .streamDone(let alias), .streamResume(let alias, _):
            alias
        case .request(let id, _), .reply(let id, _), .watchEvent(let id, _), .cancel(let id): id
        case .hello, .welcome, .ping, .pong, .drain, .goAway, .attach, .attached, .refused, .peerEvent, .message,
            .receipt, .peerCredit, .connect, .connected, .connectFailed, .streamsResumed, .goOn, .taken:
            0
        }
    }

    /// Writes the body up to the payload, which is returned.
    fileprivate func writeBody(into output: inout ByteBuffer) -> ByteBuffer? {
        switch self {
        case .streamData(_, let bytes), .watchEvent(_, let bytes): return bytes
        case .ping(let token), .pong(let token): output.writeInteger(token)
        case .streamCredit(_, let limit): output.writeInteger(limit)
        case .streamAcknowledged(_, let offset): output.writeInteger(offset)
        case .streamReset(_, let code): output.writeInteger(code)
        case .taken(let count): output.writeInteger(count)
        case .goOn(let word): word.write(into: &output)
        case .drain, .streamFinish, .streamDone, .cancel: break
        case .hello(let hello): output.writeControl(WireHello(hello))
        case .welcome(let welcome): output.writeControl(WireWelcome(welcome))
        case .goAway(let goAway): output.writeControl(WireGoAway(goAway))
        case .attach(let attach): output.writeControl(WireAttach(attach))
        case .attached(let attached): output.writeControl(WireAttached(attached))
        case .refused(let refusal): output.writeControl(WireRefused(refusal))
        case .peerEvent(let event): output.writeControl(WirePeerEvent(event))
        case .receipt(let receipt): output.writeControl(WireReceipt(receipt))
        case .peerCredit(let credit): output.writeControl(WirePeerCredit(credit))
        case .connect(let request): output.writeControl(WireConnect(request))
        case .connected(let success): output.writeControl(WireConnected(success))
        case .connectFailed(let failure): output.writeControl(WireConnectFailed(failure))
        case .streamOpen(_, let open): output.writeControl(WireStreamOpen(open))
        case .streamResume(_, let resume): output.writeControl(WireStreamResume(resume))
        case .streamsResumed(let resumed): output.writeControl(WireStreamsResumed(resumed))
        case .message(let message):
            output.writePayloadHeader(WireMessageHeader(message))
            return message.payload
        case .request(_, let request):
            output.writePayloadHeader(WireRequestHeader(request))
            return request.body
        case .reply(_, let reply):
            output.writePayloadHeader(WireReplyHeader(reply))
            return reply.body
        }
        return nil
    }
}

extension ByteBuffer {
    fileprivate mutating func writeControl(_ message: some SwiftProtobuf.Message) {
        writeBytes(encoded(message))
    }

    fileprivate mutating func writePayloadHeader(_ message: some SwiftProtobuf.Message) {
        let bytes = encoded(message)
        precondition(bytes.count <= LinkLimits.payloadHeaderBytesMax, "texts in payload headers are cut to fit")
        writeInteger(UInt16(bytes.count))
        writeBytes(bytes)
    }
}

private func encoded(_ message: some SwiftProtobuf.Message) -> [UInt8] {
    do {
        return try message.serializedBytes()
    } catch {
        preconditionFailure("a message without required fields and far below 2 GiB always encodes")
    }
}
