package import NIOCore

/// Bytes to frames, batch by batch.
///
/// Payloads are slices of the batch. Only a frame that a batch cuts is copied, once, and no more of the next batch than
/// completes it. Type, stream and length are judged as soon as the header is there, before the body is waited for.
///
/// After a thrown fault the decoder is of no further use.
package struct LinkFrameDecoder {
    private var batch = ByteBuffer()
    private var partial = ByteBuffer()

    package init() {}

    /// Bytes that are held because a frame is not complete; below 4 + ``LinkLimits/frameBytesMax``.
    package var heldBytes: Int { partial.readableBytes + batch.readableBytes }

    /// Takes the next bytes. The frames of the batch before must have been taken by ``next()``.
    package mutating func feed(_ bytes: ByteBuffer) {
        precondition(batch.readableBytes == 0, "a batch is fed when the one before is drained")
        batch = bytes
    }

    /// The next whole frame, or `nil` when more bytes are needed.
    package mutating func next() throws(LinkFrameFault) -> LinkFrame? {
        guard partial.readableBytes > 0 else { return try nextOfBatch() }
        try complete(upTo: LinkLimits.headerBytes)
        guard let header = try LinkFrameHeader(peeking: partial) else { return nil }
        try complete(upTo: header.frameBytes)
        guard partial.readableBytes == header.frameBytes else { return nil }
        let frame = partial
        partial = ByteBuffer()
        return try header.frame(of: frame)
    }

    private mutating func complete(upTo bytes: Int) throws(LinkFrameFault) {
        let missing = min(bytes - partial.readableBytes, batch.readableBytes)
        guard missing > 0, var slice = batch.readSlice(length: missing) else { return }
        partial.writeBuffer(&slice)
    }

    private mutating func nextOfBatch() throws(LinkFrameFault) -> LinkFrame? {
        let header = try LinkFrameHeader(peeking: batch)
        if let header, let frame = batch.readSlice(length: header.frameBytes) { return try header.frame(of: frame) }
        if batch.readableBytes > 0 {
            partial.reserveCapacity(header?.frameBytes ?? LinkLimits.headerBytes)
            partial.writeBuffer(&batch)
        }
        batch = ByteBuffer()
        return nil
    }
}

/// The first nine bytes of a frame, judged.
struct LinkFrameHeader {
    let type: LinkFrameType
    let stream: UInt32
    /// Of the whole frame, the length included.
    let frameBytes: Int

    /// `nil` when the header is not all there.
    init?(peeking bytes: ByteBuffer) throws(LinkFrameFault) {
        guard let (length, typeByte, stream) = bytes.peekMultipleIntegers(as: (UInt32, UInt8, UInt32).self) else {
            return nil
        }
        guard length >= 5, length <= LinkLimits.frameBytesMax else { throw .impossibleLength }
        guard let type = LinkFrameType(rawValue: typeByte) else { throw .unknownType(typeByte) }
        guard type.bodyBytes.contains(Int(length) - 5) else { throw .malformed(type: typeByte) }
        guard (stream != 0) == type.namesStream else { throw .wrongStream(type: typeByte) }
        self.type = type
        self.stream = stream
        frameBytes = Int(length) + 4
    }

    /// Decodes the whole frame that this header begins.
    func frame(of bytes: ByteBuffer) throws(LinkFrameFault) -> LinkFrame {
        var body = bytes
        body.moveReaderIndex(forwardBy: LinkLimits.headerBytes)
        guard let frame = decodeBody(&body) else { throw .malformed(type: type.rawValue) }
        return frame
    }

    private func decodeBody(_ body: inout ByteBuffer) -> LinkFrame? {
        switch type {
        case .streamData: .streamData(alias: stream, body)
        case .watchEvent: .watchEvent(id: stream, body)
        case .ping: body.readInteger().map { .ping($0) }
        case .pong: body.readInteger().map { .pong($0) }
        case .streamCredit: body.readInteger().map { .streamCredit(alias: stream, limit: $0) }
        case .streamAcknowledged: body.readInteger().map { .streamAcknowledged(alias: stream, offset: $0) }
        case .streamReset: body.readInteger().map { .streamReset(alias: stream, code: $0) }
        case .drain: .drain
        case .streamFinish: .streamFinish(alias: stream)
        case .streamDone: .streamDone(alias: stream)
        case .cancel: .cancel(id: stream)
        case .hello: LinkHello(control: body).map { .hello($0) }
        case .welcome: LinkWelcome(control: body).map { .welcome($0) }
        case .goAway: LinkGoAway(control: body).map { .goAway($0) }
        case .attach: LinkAttach(control: body).map { .attach($0) }
        case .attached: LinkAttached(control: body).map { .attached($0) }
        case .refused: LinkRefusal(control: body).map { .refused($0) }
        case .peerEvent: LinkPeerEvent(control: body).map { .peerEvent($0) }
        case .receipt: LinkReceipt(control: body).map { .receipt($0) }
        case .peerCredit: LinkPeerCredit(control: body).map { .peerCredit($0) }
        case .connect: ConnectRequest(control: body).map { .connect($0) }
        case .connected: ConnectSuccess(control: body).map { .connected($0) }
        case .connectFailed: ConnectFailure(control: body).map { .connectFailed($0) }
        case .streamOpen: LinkStreamOpen(control: body).map { .streamOpen(alias: stream, $0) }
        case .streamResume: LinkStreamResume(control: body).map { .streamResume(alias: stream, $0) }
        case .streamsResumed: LinkStreamsResumed(control: body).map { .streamsResumed($0) }
        case .goOn: LinkGoOn(body: &body).map { .goOn($0) }
        case .taken: body.readInteger().map { .taken(count: $0) }
        case .message: LinkMessage(body: &body).map { .message($0) }
        case .request: LinkRequest(body: &body).map { .request(id: stream, $0) }
        case .reply: LinkReply(body: &body).map { .reply(id: stream, $0) }
        }
    }
}
