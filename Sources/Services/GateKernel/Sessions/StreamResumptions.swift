import GateLink
import GateModel
import GateWire
import NIOCore

/// Streams of earlier epochs of a session that one side has named and the other not yet. On the session's loop.
///
///     our extender opened it:  asked ──the peer's answer──▶ goes on
///     the peer opened it:      named (by our extender) ─┐
///                              offered (by the peer) ───┴─ both ──▶ goes on
///
/// What waits longer than ``time`` is reset.
struct StreamResumptions {
    /// How long one side's word waits for the other's.
    static let time = TimeAmount.seconds(10)
    /// How long the peer may take to answer: its own extender has ``time``.
    static let answerTime = TimeAmount.seconds(20)
    /// The most streams of one session that wait, of each kind.
    static let countMax = WireLimits.streamsMax

    /// An end that our extender has, of a stream that the peer opened.
    struct Named {
        let bridge: StreamBridge
        let standing: StreamStanding
        let deadline: NIODeadline
        /// Set where our extender has reset it meanwhile.
        var resetCode: UInt32?
    }

    /// An end that the peer has, of a stream that it opened.
    struct Offered {
        let alias: UInt32
        let resume: StreamResume
        let deadline: NIODeadline
        /// Set where the peer has reset it meanwhile.
        var resetCode: UInt32?
    }

    var named: [StreamID: Named] = [:]
    var offered: [StreamID: Offered] = [:]
    /// Streams that our extenders opened, by their new alias, until the peer answers.
    var asked: [UInt32: NIODeadline] = [:]
    /// Replicas that have named all that they have.
    var complete: Set<ObjectIdentifier> = []
    var timer: Scheduled<Void>?

    var isEmpty: Bool { named.isEmpty && offered.isEmpty && asked.isEmpty }

    /// Streams that wait for the peer's word.
    var bridges: [StreamBridge] { named.values.map(\.bridge) }

    /// The replica is gone: what it named is not there any more.
    mutating func detached(_ attachment: Attachment) {
        complete.remove(ObjectIdentifier(attachment))
        named = named.filter { $0.value.bridge.attachment !== attachment }
    }

    /// Nothing more is resumed.
    mutating func end() {
        timer?.cancel()
        self = StreamResumptions()
    }
}

extension SessionEndpoint {
    // MARK: From the extender

    /// Our extender has an end of a stream of an earlier epoch.
    func resume(_ bridge: StreamBridge, _ standing: StreamStanding) {
        if standing.flags.contains(.doneSent) { bridge.ends.insert(.extender) }
        guard bridge.isOpenedHere else { return name(bridge, standing) }
        guard resumptions.asked.count < StreamResumptions.countMax, let alias = driver?.makeAlias() else {
            return toLink(bridge, .reset(code: StreamResetCode.overloaded.rawValue))
        }
        bridge.sessionAlias = alias
        streams[alias] = bridge
        resumptions.asked[alias] = .now() + StreamResumptions.answerTime
        enqueue(.streamResume(alias: alias, word(of: bridge, standing)))
        watchResumptions()
    }

    private func name(_ bridge: StreamBridge, _ standing: StreamStanding) {
        guard resumptions.named[bridge.id] == nil, resumptions.named.count < StreamResumptions.countMax else {
            return toLink(bridge, .reset(code: StreamResetCode.overloaded.rawValue))
        }
        let named = StreamResumptions.Named(
            bridge: bridge, standing: standing, deadline: .now() + StreamResumptions.time)
        if let offered = resumptions.offered.removeValue(forKey: bridge.id) { return join(named, offered) }
        resumptions.named[bridge.id] = named
        watchResumptions()
    }

    /// Our extender resets a stream that it named: the peer learns it once it offers the stream.
    func nameWasReset(_ bridge: StreamBridge, _ code: UInt32) {
        if resumptions.named[bridge.id]?.bridge === bridge { resumptions.named[bridge.id]?.resetCode = code }
    }

    /// A replica has named all that it has.
    func namedAll(_ attachment: Attachment) {
        resumptions.complete.insert(ObjectIdentifier(attachment))
        for offered in resumptions.offered.values { openIfUnknown(offered) }
    }

    /// A replica is gone, and what it named with it: whom the peer's streams waited for has nothing to say any more.
    func namesNoMore(_ attachment: Attachment) {
        resumptions.detached(attachment)
        for offered in resumptions.offered.values { openIfUnknown(offered) }
    }

    // MARK: From the peer

    /// The peer has an end of a stream of an earlier epoch: it opened it, or answers.
    func received(_ resume: StreamResume, _ alias: UInt32) {
        if let bridge = streams[alias] {
            guard resumptions.asked.removeValue(forKey: alias) != nil, bridge.id == resume.id else {
                return close(.protocolViolation)
            }
            return goOn(bridge, resume.standing)
        }
        guard resumptions.offered[resume.id] == nil, resumptions.offered.count < StreamResumptions.countMax else {
            return enqueue(.streamReset(alias: alias, code: StreamResetCode.overloaded.rawValue))
        }
        let offered = StreamResumptions.Offered(
            alias: alias, resume: resume, deadline: .now() + StreamResumptions.time)
        if let named = resumptions.named.removeValue(forKey: resume.id) { return join(named, offered) }
        resumptions.offered[resume.id] = offered
        openIfUnknown(offered)
        watchResumptions()
    }

    /// The peer resets a stream that it offered: our extender learns it once it names the stream.
    func offerWasReset(_ alias: UInt32, _ code: UInt32) {
        guard !resumptions.offered.isEmpty,
            let id = resumptions.offered.first(where: { $0.value.alias == alias })?.key
        else { return }
        resumptions.offered[id]?.resetCode = code
    }

    // MARK: Both

    private func join(_ named: StreamResumptions.Named, _ offered: StreamResumptions.Offered) {
        let bridge = named.bridge
        if let code = offered.resetCode { return toLink(bridge, .reset(code: code)) }
        if let code = named.resetCode { return enqueue(.streamReset(alias: offered.alias, code: code)) }
        guard bridge.extender == offered.resume.extender else {
            toLink(bridge, .reset(code: StreamResetCode.protocolBroken.rawValue))
            return enqueue(.streamReset(alias: offered.alias, code: StreamResetCode.protocolBroken.rawValue))
        }
        bridge.sessionAlias = offered.alias
        streams[offered.alias] = bridge
        enqueue(.streamResume(alias: offered.alias, word(of: bridge, named.standing)))
        goOn(bridge, offered.resume.standing)
    }

    /// Both sides have said where they stand: our extender learns it, and bytes flow.
    private func goOn(_ bridge: StreamBridge, _ peer: StreamStanding) {
        var standing = peer
        ledger.leave(bridge.credit, of: bridge.sessionAlias)
        bridge.credit = CreditGate(resuming: peer)
        standing.limit = creditToTell(bridge) ?? peer.received
        toLink(bridge, .resume(standing))
        if peer.flags.contains(.doneSent) { bridge.ends.insert(.peer) }
        if bridge.ends == .both { forget(bridge.sessionAlias) }
    }

    /// The peer may have opened a stream that no extender of ours heard of before the session broke: where all have named
    /// what they have, it is a new one.
    private func openIfUnknown(_ offered: StreamResumptions.Offered) {
        let resume = offered.resume
        guard resume.standing.flags.contains(.unanswered), offered.resetCode == nil else { return }
        let replicas = kernel.attachments(of: resume.extender)
        guard replicas.allSatisfy({ resumptions.complete.contains(ObjectIdentifier($0)) }),
            let attachment = attachment(of: resume.extender, for: resume.id)
        else { return }
        resumptions.offered[resume.id] = nil
        let bridge = StreamBridge(
            id: resume.id, extender: resume.extender, priority: resume.priority, isOpenedHere: false, session: self,
            attachment: attachment)
        bridge.sessionAlias = offered.alias
        bridge.credit.grant(resume.standing.limit)
        streams[offered.alias] = bridge
        enqueue(.streamResume(alias: offered.alias, word(of: bridge, .accepted)))
        toLink(bridge, .open(credit: creditToTell(bridge) ?? 0))
    }

    private func word(of bridge: StreamBridge, _ standing: StreamStanding) -> StreamResume {
        StreamResume(id: bridge.id, extender: bridge.extender, priority: bridge.priority, standing: standing)
    }

    // MARK: Time

    private func watchResumptions() {
        guard resumptions.timer == nil, !resumptions.isEmpty else { return }
        resumptions.timer = eventLoop.assumeIsolated().scheduleTask(in: StreamResumptions.time) { [weak self] in
            self?.resumptions.timer = nil
            self?.endLateResumptions(at: .now())
            self?.watchResumptions()
        }
    }

    /// Resets what waited too long for the other side's word.
    func endLateResumptions(at now: NIODeadline) {
        let gone = StreamResetCode.peerGone.rawValue
        for (id, named) in resumptions.named where named.deadline <= now {
            resumptions.named[id] = nil
            if named.resetCode == nil { toLink(named.bridge, .reset(code: gone)) }
        }
        for (id, offered) in resumptions.offered where offered.deadline <= now {
            resumptions.offered[id] = nil
            if offered.resetCode == nil { enqueue(.streamReset(alias: offered.alias, code: gone)) }
        }
        for (alias, deadline) in resumptions.asked where deadline <= now {
            if let bridge = streams[alias] { toLink(bridge, .reset(code: gone)) }
            enqueue(.streamReset(alias: alias, code: gone))
            forget(alias)
        }
        flushLinks()
        flush()
    }
}
