import GateLink
import GateLinkTransport
import NIOCore

/// An attachment that goes on over another link when the one that it has breaks.
///
///     new ──opened──▶ carried ──link breaks──▶ waiting ──opened──▶ asking ──goes on──▶ carried
///                        └──link closes──▶ over ◀──``returnTime``──┘  └──does not──▶ over, and a new one carried
///
/// While it waits, and asks, nothing of the attachment's sessions and streams changes: what they send is kept.
extension WorkerLink {
    /// How long a broken link is waited for. Longer than kernels wait for a replica, for it is theirs to say.
    static let returnTime = TimeAmount.seconds(2)

    /// Where the attachment stands.
    enum Stand {
        case new
        case carried
        /// Its link broke; the timer ends it.
        case waiting(Scheduled<Void>)
        /// The worker was asked whether it goes on.
        case asking
        case over
    }

    /// A link of the same keeper is open, in place of one that broke or for the first time.
    func opened(over link: Link) {
        let speaks = link.version >= LinkVersions.goingOn
        if case .waiting(let timer) = stand {
            timer.cancel()
            stand = .asking
            guard speaks else { return begin(anew: true) }
            link.send(.goOn(LinkGoOn(isGoing: true, attachment: number, taken: frames.takenCount)))
            return link.flush()
        }
        if speaks {
            link.send(.goOn(LinkGoOn(isGoing: false, attachment: number, taken: 0)))
            link.flush()
        }
        begin(anew: false)
    }

    /// What the worker said to whether the attachment goes on.
    func answered(_ word: LinkGoOn, on link: Link) {
        guard case .asking = stand else { return }
        guard word.isGoing else { return begin(anew: true) }
        guard word.attachment == number, frames.goesOn(after: word.taken) else {
            return link.close(LinkGoAway(code: .protocolFault, reason: "it goes on where nothing was kept"))
        }
        stand = .carried
        for frame in frames.unconfirmed { link.send(frame) }
        carried(by: link)
        link.flush()
        writabilityChanged(on: link)
    }

    /// The link is gone: whether it is waited for.
    func awaitsReturn(of link: Link, after failure: LinkFailure?) -> Bool {
        guard link.version >= LinkVersions.goingOn, failure?.isBreak == true else { return false }
        switch stand {
        case .carried, .asking:
            stand = .waiting(
                eventLoop.assumeIsolated().scheduleTask(in: WorkerLink.returnTime) { [weak self] in self?.end() })
            return true
        case .new, .waiting, .over: return false
        }
    }

    /// Tells the worker what was taken of its frames, a while after the first of them.
    func tellLater() {
        guard !isTelling else { return }
        isTelling = true
        eventLoop.assumeIsolated().scheduleTask(in: AttachmentFrames.wordPause) { [weak self] in self?.tell() }
    }

    /// Whether streams and sessions may be carried here, now or in a moment.
    var isAttached: Bool {
        switch stand {
        case .carried, .waiting, .asking: true
        case .new, .over: false
        }
    }

    /// Whether frames go out now.
    var isCarried: Bool { if case .carried = stand { true } else { false } }
}

/// Where a keeper's links find the attachment that they carry. On the replica's event loop.
final class WorkerPlace: Sendable {
    private let core: ExtenderCore
    private let current: NIOLoopBoundBox<WorkerLink?>

    init(core: ExtenderCore) {
        self.core = core
        current = .makeEmptyBox(valueType: WorkerLink.self, eventLoop: core.eventLoop)
    }

    /// The attachment that waits for a link, or a new one.
    func delegate(on eventLoop: any EventLoop) -> WorkerLink {
        if let waiting = current.value, case .waiting = waiting.stand { return waiting }
        let link = WorkerLink(core: core, eventLoop: eventLoop)
        current.value = link
        return link
    }
}
