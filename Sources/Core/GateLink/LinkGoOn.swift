import NIOCore

/// Whether an attachment goes on over this link: from a replica the first frame, from a kernel the answer.
///
/// An *attachment* is what a replica has at one worker: streams, sessions that it knows, messages under way. It outlives a
/// link that breaks, for a short while, where both sides have kept what the other may not have taken.
package struct LinkGoOn: Hashable, Sendable {
    /// From a replica: whether it has an attachment that could go on. From a kernel: whether that goes on; else another
    /// begins, and what the replica had is gone.
    package var isGoing: Bool
    /// The attachment's number, which the replica chose at random; the answer repeats it.
    package var attachment: UInt64
    /// Counted frames of the other side that the sender has taken in this attachment, over all its links.
    package var taken: UInt64

    /// Of its body: a byte of 0 or 1, and two numbers.
    static let byteCount = 17

    package init(isGoing: Bool, attachment: UInt64, taken: UInt64) {
        self.isGoing = isGoing
        self.attachment = attachment
        self.taken = taken
    }

    init?(body: inout ByteBuffer) {
        guard let (flag, attachment, taken) = body.readMultipleIntegers(as: (UInt8, UInt64, UInt64).self), flag <= 1
        else { return nil }
        self.init(isGoing: flag == 1, attachment: attachment, taken: taken)
    }

    func write(into output: inout ByteBuffer) {
        output.writeMultipleIntegers(UInt8(isGoing ? 1 : 0), attachment, taken)
    }
}

extension LinkFrame {
    /// Whether the frame belongs to an attachment, so that it is counted and goes again over another link.
    package var isCounted: Bool {
        switch self {
        case .peerEvent, .message, .receipt, .peerCredit, .connect, .connected, .connectFailed, .streamOpen,
            .streamData, .streamCredit, .streamAcknowledged, .streamFinish, .streamReset, .streamDone, .streamResume,
            .streamsResumed:
            true
        case .hello, .welcome, .ping, .pong, .drain, .goAway, .attach, .attached, .refused, .goOn, .taken, .request,
            .reply, .watchEvent, .cancel:
            false
        }
    }

    /// What a kept frame holds on to, about: its raw bytes, and a little for itself.
    var keptBytes: Int {
        if case .streamData(_, let bytes) = self { return bytes.readableBytes + LinkFrame.keptOverhead }
        if case .message(let message) = self { return message.payload.readableBytes + LinkFrame.keptOverhead }
        return LinkFrame.keptOverhead
    }

    private static let keptOverhead = 128
}

extension LinkFailure {
    /// Whether the link broke without anybody's wish, so that what was attached over it may go on over another.
    package var isBreak: Bool {
        switch self {
        case .connection: true
        case .goneAway(let goAway), .leaving(let goAway): goAway.code == .unresponsive
        case .protocolFault, .notTrusted, .handshake, .refused, .refusing: false
        }
    }
}
