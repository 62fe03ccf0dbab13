import GateCrypto
import GateModel
import GateWire

/// The streams of one session, and which aliases were ever opened.
///
/// Aliases rise, so one that was opened and is gone is told from one that never was by its number alone. Each side may
/// have ``WireLimits/streamsMax`` open that it opened itself.
struct StreamTable {
    enum Verdict {
        case accepted
        /// The stream is gone; what was still on its way means nothing.
        case ignored
        case refused(SessionFailure)
    }

    private(set) var states: [UInt32: StreamState] = [:]
    private let ownParity: UInt32
    private var nextOwn: UInt32
    private var lastPeer: UInt32 = 0
    private var ownOpenCount = 0
    private var peerOpenCount = 0

    init(role: SessionRole) {
        ownParity = role == .initiator ? 1 : 0
        nextOwn = role == .initiator ? 1 : 2
    }

    private func isOwn(_ alias: UInt32) -> Bool { alias % 2 == ownParity }

    /// Whether the alias was opened at some time, by whichever side.
    func wasOpened(_ alias: UInt32) -> Bool {
        alias > 0 && (isOwn(alias) ? alias < nextOwn : alias <= lastPeer)
    }

    /// Where the stream stands, for `subscript`; until the next opening or removal.
    func index(of alias: UInt32) -> Dictionary<UInt32, StreamState>.Index? { states.index(forKey: alias) }

    subscript(index: Dictionary<UInt32, StreamState>.Index) -> StreamState {
        get { states.values[index] }
        _modify { yield &states.values[index] }
    }

    /// What waits in any stream is in buffers of its own from now on.
    mutating func settle() {
        // Not over `indices`, which would hold on to the table as it was.
        var index = states.startIndex
        while index != states.endIndex {
            states.values[index].settle()
            states.formIndex(after: &index)
        }
    }

    // MARK: Opening

    mutating func makeAlias() -> UInt32? {
        guard ownOpenCount < WireLimits.streamsMax, nextOwn < .max - 2 else { return nil }
        defer { nextOwn += 2 }
        return nextOwn
    }

    /// A stream of this side's; `credit` is what it grants.
    mutating func open(_ alias: UInt32, of extender: ExtenderID, priority: Priority, credit: UInt64) {
        precondition(isOwn(alias) && states[alias] == nil, "a stream is opened under a new alias of this side's")
        nextOwn = max(nextOwn, alias + 2)
        ownOpenCount += 1
        states[alias] = StreamState(
            extender: extender, priority: priority, sendLimit: StreamLimits.openerCredit, receiveLimit: credit)
    }

    /// A stream of the other side's; `credit` is what it grants.
    mutating func receivedOpen(
        _ alias: UInt32, of extender: ExtenderID, priority: Priority, credit: UInt64
    ) -> SessionFailure? {
        guard !isOwn(alias), alias > lastPeer else { return .protocolViolation }
        guard peerOpenCount < WireLimits.streamsMax else { return .limitExceeded }
        lastPeer = alias
        peerOpenCount += 1
        states[alias] = StreamState(
            extender: extender, priority: priority, sendLimit: credit, receiveLimit: StreamLimits.openerCredit)
        return nil
    }

    // MARK: Receiving

    mutating func received(_ byteCount: Int, of alias: UInt32) -> Verdict {
        guard let index = states.index(forKey: alias) else { return gone(alias) }
        guard !states.values[index].isFinishReceived else { return .refused(.protocolViolation) }
        let offset = states.values[index].receivedOffset + UInt64(byteCount)
        guard offset <= states.values[index].receiveLimit else { return .refused(.limitExceeded) }
        states.values[index].receivedOffset = offset
        return .accepted
    }

    mutating func receivedFinish(of alias: UInt32) -> Verdict {
        guard let index = states.index(forKey: alias) else { return gone(alias) }
        guard !states.values[index].isFinishReceived else { return .refused(.protocolViolation) }
        states.values[index].isFinishReceived = true
        return .accepted
    }

    /// The other side's extender has consumed all that this side sent.
    mutating func receivedDone(of alias: UInt32) -> Verdict {
        guard let index = states.index(forKey: alias) else { return gone(alias) }
        guard states.values[index].finish == .sent, !states.values[index].isDoneReceived else {
            return .refused(.protocolViolation)
        }
        states.values[index].isDoneReceived = true
        if states.values[index].isOver { _ = remove(alias) }
        return .accepted
    }

    /// This side's extender has consumed all that the other side sent; `false` where that is known or can't be.
    mutating func sendDone(of alias: UInt32) -> Bool {
        guard let index = states.index(forKey: alias), states.values[index].isFinishReceived,
            !states.values[index].isDoneSent
        else { return false }
        states.values[index].isDoneSent = true
        if states.values[index].isOver { _ = remove(alias) }
        return true
    }

    // MARK: Going on

    /// This side says where its end of a stream of an earlier epoch stands: first, under a new alias of its own, or as
    /// the answer. `false` where the stream is gone.
    mutating func sendResume(_ alias: UInt32, _ resume: StreamResume) -> Bool {
        if isOwn(alias) {
            open(alias, of: resume.extender, priority: resume.priority, credit: 0)
            states[alias]?.isResuming = true
            states[alias]?.stand(own: resume.standing)
            return true
        }
        guard let index = states.index(forKey: alias), states.values[index].isResuming else { return false }
        states.values[index].isResuming = false
        states.values[index].stand(own: resume.standing)
        if states.values[index].isOver { _ = remove(alias) }
        return true
    }

    /// The other side says where its end stands: under a new alias of its own, or as the answer.
    mutating func receivedResume(_ alias: UInt32, _ resume: StreamResume) -> Verdict {
        if isOwn(alias) {
            guard let index = states.index(forKey: alias) else { return gone(alias) }
            guard states.values[index].isResuming else { return .refused(.protocolViolation) }
            states.values[index].isResuming = false
            states.values[index].stand(other: resume.standing)
            if states.values[index].isOver { _ = remove(alias) }
            return .accepted
        }
        if let failure = receivedOpen(alias, of: resume.extender, priority: resume.priority, credit: 0) {
            return .refused(failure)
        }
        states[alias]?.isResuming = true
        // Nothing may come before this side has said where it stands.
        states[alias]?.receiveLimit = 0
        states[alias]?.stand(other: resume.standing)
        return .accepted
    }

    private func gone(_ alias: UInt32) -> Verdict { wasOpened(alias) ? .ignored : .refused(.protocolViolation) }

    // MARK: Ending

    mutating func remove(_ alias: UInt32) -> StreamState? {
        guard let state = states.removeValue(forKey: alias) else { return nil }
        if isOwn(alias) { ownOpenCount -= 1 } else { peerOpenCount -= 1 }
        return state
    }

    mutating func removeAll() {
        states = [:]
        ownOpenCount = 0
        peerOpenCount = 0
    }
}
