import GateLink
import GateLinkTransport
import NIOCore

/// A link as the attachment that goes over it sends to it. The link may live on another loop than the attachment, which
/// keeps the loop of its first link; frames then cross in batches. On the attachment's loop.
///
/// `@unchecked Sendable`: `near` and `outlet` are touched on the attachment's loop only, the rest is constant.
final class AttachmentWire: @unchecked Sendable {
    /// Whether the replica may ask for sessions.
    let mayConnect: Bool
    private let link: NIOLoopBound<Link>
    private let linkLoop: any EventLoop
    /// The link where it lives on the attachment's loop; else what leads there.
    private let near: Link?
    private let outlet: LoopOutlet<LinkFrame>?

    /// On the link's loop.
    init(_ link: Link, for eventLoop: any EventLoop) {
        mayConnect = link.grant.mayConnect
        linkLoop = link.eventLoop
        let bound = NIOLoopBound(link, eventLoop: link.eventLoop)
        self.link = bound
        let isNear = eventLoop === link.eventLoop
        near = isNear ? link : nil
        outlet =
            isNear
            ? nil
            : LoopOutlet(to: link.eventLoop) { frames in
                for frame in frames { bound.value.send(frame) }
                bound.value.flush()
            }
    }

    /// Whether frames go from one loop to another.
    var crossesLoops: Bool { outlet != nil }

    func send(_ frame: LinkFrame) {
        if let near { near.send(frame) } else { outlet?.append(frame) }
    }

    func flush() {
        if let near { near.flush() } else { outlet?.flush() }
    }

    /// Says why and closes, on the link's loop.
    func close(_ goAway: LinkGoAway) {
        if let near { return near.close(goAway) }
        linkLoop.execute { [link] in link.value.close(goAway) }
    }

    /// Ends the link, so that the replica attaches anew and goes on.
    func drop() {
        if let near { return near.drop() }
        linkLoop.execute { [link] in link.value.drop() }
    }
}
