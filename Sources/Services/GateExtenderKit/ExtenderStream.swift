package import GateModel

/// One stream between two extenders, seen from one end: offsets, credit, acknowledgement, finish, reset, and going on
/// over another way.
///
///                 finish()                     receivedFinish()
///     sending: open ──▶ finished   receiving: open ──▶ finished      both finished, or reset by either end: settled
///                          └receivedDone()─▶ done         └takeDone()─▶ done     both done, or reset: over
///
///     flowing ──suspend()──▶ suspended ──resumed(_:)──▶ flowing
///
/// A settled stream means nothing more to its user; it stays until it is over, since what it sent may have to be sent
/// again. While suspended nothing is sent and nothing may come; what was sent and not received goes again afterwards.
///
/// Offsets count bytes from the stream's start and never go back. A receiver grants up to one window beyond what its
/// handler has consumed, and acknowledges what was consumed: so no end holds more than it granted. The opener starts with
/// ``StreamLimits/openerCredit``, the acceptor with the credit that the open carried.
package struct ExtenderStream: Equatable {
    /// What a receiver tells the other end; the acknowledgement goes first.
    package struct Grant: Equatable {
        /// All bytes below were consumed by the handler.
        package let acknowledged: UInt64
        /// The other end may send bytes below this offset.
        package let limit: UInt64

        package init(acknowledged: UInt64, limit: UInt64) {
            self.acknowledged = acknowledged
            self.limit = limit
        }
    }

    /// What to do with an input from the other end.
    package enum Action: Equatable {
        /// It was in order. Data and finish go on to the handler; credit means that more may be sent.
        case proceed
        /// It came after the end or brought nothing new: drop it.
        case ignore
        /// It broke the rules: send a reset with this code and tell the handler.
        case reset(StreamResetCode)
    }

    /// Bytes handed to the link so far.
    package private(set) var sentOffset: UInt64 = 0
    /// Bytes that the other side's handler has consumed.
    package private(set) var acknowledgedOffset: UInt64 = 0
    /// Bytes that came so far.
    package private(set) var receivedOffset: UInt64 = 0
    /// Bytes that the handler here has consumed.
    package private(set) var consumedOffset: UInt64 = 0
    /// Why the stream was reset, by either end.
    package private(set) var resetCode: StreamResetCode?
    /// Whether nothing more will be sent.
    package private(set) var isSendingFinished = false
    /// Whether nothing more will come.
    package private(set) var isReceivingFinished = false
    /// Whether the handler here has consumed all up to the other end's finish, and the other end was told.
    package private(set) var isDoneSent = false
    /// Whether the other end has consumed all up to the finish here.
    package private(set) var isDoneReceived = false
    /// Whether the way is broken, or the other end has not yet said where it stands.
    package private(set) var isSuspended = false

    private var sendLimit: UInt64
    private var grantedLimit: UInt64
    /// What the other end was told last that the handler here has consumed.
    private var toldOffset: UInt64 = 0
    /// Whether the finish was said and has to be said again.
    private var isFinishDue = false
    /// Whether the other end knows of the stream, as far as this one knows.
    private var isAnswered: Bool
    private let window: UInt64

    /// Fewer consumed bytes are no acknowledgement of their own.
    static let acknowledgedBytes: UInt64 = 16 * 1024
    /// How long such an acknowledgement may wait, in case that a grant says it.
    static let acknowledgementTime = Duration.seconds(1)

    /// The end that opens; `window` is what its open grants.
    package init(openingWithWindow window: UInt64) {
        self.window = min(window, StreamLimits.windowMax)
        sendLimit = StreamLimits.openerCredit
        grantedLimit = self.window
        isAnswered = false
    }

    /// The end that accepts; `credit` came with the open.
    package init(acceptingCredit credit: UInt64, window: UInt64) {
        self.window = min(window, StreamLimits.windowMax)
        sendLimit = min(credit, StreamLimits.windowMax)
        grantedLimit = min(StreamLimits.openerCredit, self.window)
        isAnswered = true
    }

    /// Bytes that may be sent now.
    package var sendableCount: Int {
        resetCode == nil && !isSuspended && (!isSendingFinished || isFinishDue)
            ? Int(clamping: sendLimit - sentOffset) : 0
    }

    /// Bytes that came and were not yet consumed; never above the window or the opener's credit.
    package var unconsumedCount: Int { Int(clamping: receivedOffset - consumedOffset) }

    /// Whether nothing more is sent or comes.
    package var isSettled: Bool { resetCode != nil || (isSendingFinished && isReceivingFinished) }

    /// Whether nothing of the stream has to be kept.
    package var isOver: Bool { resetCode != nil || (isDoneSent && isDoneReceived) }

    /// `count` bytes, at most ``sendableCount``, went to the link.
    package mutating func sent(_ count: Int) {
        precondition(count >= 0 && count <= sendableCount, "no more is sent than was granted")
        sentOffset += UInt64(count)
    }

    /// Nothing more will be sent; `false` where the other end knows that, or can't be told now.
    package mutating func finish() -> Bool {
        guard !isSendingFinished || isFinishDue, resetCode == nil, !isSuspended else { return false }
        isSendingFinished = true
        isFinishDue = false
        return true
    }

    /// Ends both directions at once; `false` where they had ended.
    package mutating func reset(_ code: StreamResetCode) -> Bool {
        guard !isSettled else { return false }
        resetCode = code
        return true
    }

    /// Ends what is left of a stream, settled or not; `false` where nothing is.
    package mutating func cutOff(_ code: StreamResetCode) -> Bool {
        guard !isOver else { return false }
        resetCode = code
        return true
    }

    /// `count` bytes came.
    package mutating func received(_ count: Int) -> Action {
        guard resetCode == nil else { return .ignore }
        guard !isSuspended, !isReceivingFinished, UInt64(count) <= grantedLimit - receivedOffset else {
            return broken()
        }
        receivedOffset += UInt64(count)
        isAnswered = true
        return .proceed
    }

    /// The other end grants bytes below `limit`.
    package mutating func received(credit limit: UInt64) -> Action {
        guard resetCode == nil else { return .ignore }
        guard limit <= sentOffset + StreamLimits.windowMax else { return broken() }
        isAnswered = true
        guard limit > sendLimit else { return .ignore }
        sendLimit = limit
        return .proceed
    }

    /// The other side's handler has consumed bytes below `offset`.
    package mutating func received(acknowledged offset: UInt64) -> Action {
        guard resetCode == nil else { return .ignore }
        guard offset <= sentOffset else { return broken() }
        isAnswered = true
        guard offset > acknowledgedOffset else { return .ignore }
        acknowledgedOffset = offset
        return .proceed
    }

    /// Nothing more will come.
    package mutating func receivedFinish() -> Action {
        guard resetCode == nil else { return .ignore }
        guard !isReceivingFinished, !isSuspended else { return broken() }
        isReceivingFinished = true
        isAnswered = true
        return .proceed
    }

    /// The other side's handler has consumed all up to the finish here.
    package mutating func receivedDone() -> Action {
        guard resetCode == nil else { return .ignore }
        guard isSendingFinished, !isFinishDue, !isDoneReceived, !isSuspended else { return broken() }
        isDoneReceived = true
        acknowledgedOffset = sentOffset
        return .proceed
    }

    /// The other end, or a kernel on the way, ended both directions.
    package mutating func received(reset code: StreamResetCode) -> Action {
        guard !isOver else { return .ignore }
        // To the user of a settled stream nothing can happen any more.
        let wasSettled = isSettled
        resetCode = code
        return wasSettled ? .ignore : .proceed
    }

    /// The grant with which an acceptor raises the opener's first credit to its own window; `nil` where it needs none.
    package mutating func accepted() -> Grant? { grant(ifAtLeast: 1) }

    /// The handler here has consumed `count` bytes more. Answers a grant when a quarter of the window is due; after the
    /// finish ``takeDone()`` says when all is consumed.
    package mutating func consumed(_ count: Int) -> Grant? {
        precondition(count >= 0 && count <= unconsumedCount, "no more is consumed than came")
        consumedOffset += UInt64(count)
        return grantDue()
    }

    /// The grant that is due now, if a quarter of the window is.
    package mutating func grantDue() -> Grant? { grant(ifAtLeast: max(window / 4, 1)) }

    /// Whether so much was consumed since the other end was told that it should be, though no grant is due.
    package var owesAcknowledgement: Bool {
        resetCode == nil && !isSuspended && !isDoneSent
            && consumedOffset - toldOffset >= ExtenderStream.acknowledgedBytes
    }

    /// The offset to acknowledge now, where one is owed.
    package mutating func takeAcknowledgement() -> UInt64? {
        guard owesAcknowledgement else { return nil }
        toldOffset = consumedOffset
        return toldOffset
    }

    /// Whether the other end is to be told now that all up to its finish is consumed. Once.
    package mutating func takeDone() -> Bool {
        guard isReceivingFinished, consumedOffset == receivedOffset, !isDoneSent, resetCode == nil, !isSuspended
        else { return false }
        isDoneSent = true
        return true
    }

    // MARK: Going on over another way

    /// The way is broken.
    package mutating func suspend() { isSuspended = true }

    /// Where this end stands, to be told to the other; grants all that may be granted now.
    package mutating func takeStanding() -> StreamStanding {
        if !isReceivingFinished { grantedLimit = max(grantedLimit, consumedOffset + window) }
        if isReceivingFinished, consumedOffset == receivedOffset { isDoneSent = true }
        toldOffset = consumedOffset
        var flags: StreamStanding.Flags = []
        if isSendingFinished { flags.insert(.sendFinished) }
        if isReceivingFinished { flags.insert(.finishReceived) }
        if isDoneSent { flags.insert(.doneSent) }
        if !isAnswered { flags.insert(.unanswered) }
        return StreamStanding(
            received: receivedOffset, acknowledged: consumedOffset, limit: grantedLimit, flags: flags)
    }

    /// The other end stands so, and the way is there again: sending goes on at ``StreamStanding/received``, and the finish
    /// is said again where it did not come. Credit is what the other end says now, even if it is less than before.
    package mutating func resumed(_ other: StreamStanding) -> Action {
        guard resetCode == nil else { return .ignore }
        guard isSuspended, isConsistent(with: other) else { return broken() }
        isSuspended = false
        isAnswered = true
        sentOffset = other.received
        acknowledgedOffset = other.acknowledged
        sendLimit = max(other.limit, other.received)
        isFinishDue = isSendingFinished && !other.flags.contains(.finishReceived)
        isDoneReceived = other.flags.contains(.doneSent)
        return .proceed
    }

    /// Acknowledged ≤ received there ≤ sent here, and the ends agree on what was finished.
    private func isConsistent(with other: StreamStanding) -> Bool {
        guard other.isPossible, acknowledgedOffset <= other.acknowledged, other.received <= sentOffset else {
            return false
        }
        if other.flags.contains(.finishReceived), !isSendingFinished || other.received != sentOffset { return false }
        if isDoneReceived, !other.flags.contains(.doneSent) { return false }
        return !isReceivingFinished || other.flags.contains(.sendFinished)
    }

    private mutating func grant(ifAtLeast minimum: UInt64) -> Grant? {
        let limit = consumedOffset + window
        guard !isReceivingFinished, resetCode == nil, !isSuspended, limit >= grantedLimit + minimum else { return nil }
        grantedLimit = limit
        toldOffset = consumedOffset
        return Grant(acknowledged: consumedOffset, limit: limit)
    }

    private mutating func broken() -> Action {
        resetCode = .protocolBroken
        return .reset(.protocolBroken)
    }
}
