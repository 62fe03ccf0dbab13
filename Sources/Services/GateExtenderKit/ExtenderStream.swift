package import GateModel

/// One stream between two extenders, seen from one end: offsets, credit, acknowledgement, finish and reset.
///
///                 finish()                     receivedFinish()
///     sending: open ──▶ finished   receiving: open ──▶ finished      both finished, or reset by either end: settled
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

    private var sendLimit: UInt64
    private var grantedLimit: UInt64
    private let window: UInt64

    /// The end that opens; `window` is what its open grants.
    package init(openingWithWindow window: UInt64) {
        self.window = min(window, StreamLimits.windowMax)
        sendLimit = StreamLimits.openerCredit
        grantedLimit = self.window
    }

    /// The end that accepts; `credit` came with the open.
    package init(acceptingCredit credit: UInt64, window: UInt64) {
        self.window = min(window, StreamLimits.windowMax)
        sendLimit = min(credit, StreamLimits.windowMax)
        grantedLimit = min(StreamLimits.openerCredit, self.window)
    }

    /// Bytes that may be sent now.
    package var sendableCount: Int {
        resetCode == nil && !isSendingFinished ? Int(clamping: sendLimit - sentOffset) : 0
    }

    /// Bytes that came and were not yet consumed; never above the window or the opener's credit.
    package var unconsumedCount: Int { Int(clamping: receivedOffset - consumedOffset) }

    /// Whether nothing more is sent or comes.
    package var isSettled: Bool { resetCode != nil || (isSendingFinished && isReceivingFinished) }

    /// `count` bytes, at most ``sendableCount``, went to the link.
    package mutating func sent(_ count: Int) {
        precondition(count >= 0 && count <= sendableCount, "no more is sent than was granted")
        sentOffset += UInt64(count)
    }

    /// Nothing more will be sent; `false` where that was said before.
    package mutating func finish() -> Bool {
        guard !isSendingFinished, resetCode == nil else { return false }
        isSendingFinished = true
        return true
    }

    /// Ends both directions at once; `false` where they had ended.
    package mutating func reset(_ code: StreamResetCode) -> Bool {
        guard !isSettled else { return false }
        resetCode = code
        return true
    }

    /// `count` bytes came.
    package mutating func received(_ count: Int) -> Action {
        guard resetCode == nil else { return .ignore }
        guard !isReceivingFinished, UInt64(count) <= grantedLimit - receivedOffset else { return broken() }
        receivedOffset += UInt64(count)
        return .proceed
    }

    /// The other end grants bytes below `limit`.
    package mutating func received(credit limit: UInt64) -> Action {
        guard resetCode == nil else { return .ignore }
        guard limit <= sentOffset + StreamLimits.windowMax else { return broken() }
        guard limit > sendLimit else { return .ignore }
        sendLimit = limit
        return .proceed
    }

    /// The other side's handler has consumed bytes below `offset`.
    package mutating func received(acknowledged offset: UInt64) -> Action {
        guard resetCode == nil else { return .ignore }
        guard offset <= sentOffset else { return broken() }
        guard offset > acknowledgedOffset else { return .ignore }
        acknowledgedOffset = offset
        return .proceed
    }

    /// Nothing more will come.
    package mutating func receivedFinish() -> Action {
        guard resetCode == nil else { return .ignore }
        guard !isReceivingFinished else { return broken() }
        isReceivingFinished = true
        return .proceed
    }

    /// The other end, or a kernel on the way, ended both directions.
    package mutating func received(reset code: StreamResetCode) -> Action {
        guard !isSettled else { return .ignore }
        resetCode = code
        return .proceed
    }

    /// The grant with which an acceptor raises the opener's first credit to its own window; `nil` where it needs none.
    package mutating func accepted() -> Grant? { grant(ifAtLeast: 1) }

    /// The handler here has consumed `count` bytes more. Answers a grant when a quarter of the window is due, and a last
    /// acknowledgement when all that came before the finish is consumed.
    package mutating func consumed(_ count: Int) -> Grant? {
        precondition(count >= 0 && count <= unconsumedCount, "no more is consumed than came")
        consumedOffset += UInt64(count)
        if isReceivingFinished, resetCode == nil, count > 0, consumedOffset == receivedOffset {
            return Grant(acknowledged: consumedOffset, limit: grantedLimit)
        }
        return grant(ifAtLeast: max(window / 4, 1))
    }

    private mutating func grant(ifAtLeast minimum: UInt64) -> Grant? {
        let limit = consumedOffset + window
        guard !isReceivingFinished, resetCode == nil, limit >= grantedLimit + minimum else { return nil }
        grantedLimit = limit
        return Grant(acknowledged: consumedOffset, limit: limit)
    }

    private mutating func broken() -> Action {
        resetCode = .protocolBroken
        return .reset(.protocolBroken)
    }
}
