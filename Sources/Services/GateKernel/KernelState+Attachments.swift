import GateLink
import GateModel
import NIOCore
import Synchronization

/// The replicas of extenders that are attached to a worker.
extension KernelState {
    /// Adds a replica, after which it hears of every session that stands.
    func attach(_ attachment: Attachment) {
        let sessions = tables.withLock { tables in
            tables.attachments[attachment.extender, default: []].append(attachment)
            return Array(tables.sessions.values)
        }
        attachment.take(sessions.map { .notice($0, .connected) })
        if isDraining.withLock(\.self) { attachment.drain() }
        announceExtenders()
    }

    func detach(_ attachment: Attachment) {
        tables.withLock { tables in
            tables.broken.remove(ObjectIdentifier(attachment))
            tables.attachments[attachment.extender]?.removeAll { $0 === attachment }
            if tables.attachments[attachment.extender]?.isEmpty == true {
                tables.attachments[attachment.extender] = nil
            }
        }
        attachment.ended()
        announceExtenders()
    }

    /// The replica's attachment with that number, where one stands or waits for it.
    func attachment(_ attach: LinkAttach, number: UInt64, of name: LinkName) -> Attachment? {
        tables.withLock { tables in
            tables.attachments[attach.extender]?.first {
                $0.replica == attach.replica && $0.number == number && $0.linkName == name
            }
        }
    }

    /// Attachments without a link that are waited for.
    static let brokenMax = 1024

    /// The attachment has no link now: new streams go elsewhere, where there is another replica. `false` where so many wait
    /// for a link that it can't.
    func waits(for attachment: Attachment) -> Bool {
        tables.withLock { tables in
            guard tables.broken.count < KernelState.brokenMax else { return false }
            tables.broken.insert(ObjectIdentifier(attachment))
            return true
        }
    }

    /// The attachment has a link again.
    func goesOn(_ attachment: Attachment) {
        tables.withLock { _ = $0.broken.remove(ObjectIdentifier(attachment)) }
        if isDraining.withLock(\.self) { attachment.drain() }
    }

    /// The replica that a new stream or message goes to: rendezvous hashing over those attached, and with a link if any has.
    func attachment(of extender: ExtenderID, for stream: StreamID) -> Attachment? {
        tables.withLock { tables in
            guard var attached = tables.attachments[extender] else { return nil }
            if !tables.broken.isEmpty {
                let carried = attached.filter { !tables.broken.contains(ObjectIdentifier($0)) }
                if !carried.isEmpty { attached = carried }
            }
            if attached.count == 1 { return attached[0] }
            let key = stream.replica &+ stream.counter
            return attached.max {
                Rendezvous.weight(of: $0.replica, for: key) < Rendezvous.weight(of: $1.replica, for: key)
            }
        }
    }

    /// Every replica of an extender.
    func attachments(of extender: ExtenderID) -> [Attachment] { tables.withLock { $0.attachments[extender] ?? [] } }

    func attachments() -> [Attachment] { tables.withLock { $0.attachments.values.flatMap(\.self) } }

    /// Tells extenders to begin nothing here; or, as no frame takes that back, has them attach anew.
    func announceDrain(_ isDraining: Bool) {
        self.isDraining.withLock { $0 = isDraining }
        for attachment in attachments() {
            attachment.eventLoop.execute { if isDraining { attachment.drain() } else { attachment.renew() } }
        }
    }

    /// What this worker tells peers that it has.
    var extenders: [ExtenderID] { tables.withLock { $0.attachments.keys.sorted() } }

    /// The attached replicas, as the admin port shows them.
    var extenderDescriptions: [KernelStatus.Extender] {
        attachments().map {
            KernelStatus.Extender(
                extender: $0.extender.description, name: $0.name, replica: String($0.replica, radix: 16))
        }
    }

    func announceExtenders() {
        let (sessions, list) = tables.withLock { (Array($0.sessions.values), $0.attachments.keys.sorted()) }
        for session in sessions {
            session.eventLoop.execute {
                session.tell(extenders: list)
                session.flush()
            }
        }
    }
}
