import Dispatch
import NIOCore

/// The event loop of the links, for as long as there are any.
final class LinkEventLoops: EventLoopGroup, Sendable {
    private let core: ExtenderCore
    private let fallback: any EventLoopGroup

    init(core: ExtenderCore, fallback: any EventLoopGroup) {
        self.core = core
        self.fallback = fallback
    }

    func next() -> any EventLoop { core.attachedLinks.isEmpty ? fallback.next() : core.eventLoop }

    func any() -> any EventLoop { next() }

    func makeIterator() -> EventLoopIterator { EventLoopIterator([core.eventLoop]) }

    /// Does nothing: the loops belong to others.
    func shutdownGracefully(queue: DispatchQueue, _ callback: @escaping @Sendable ((any Error)?) -> Void) {
        queue.async { callback(nil) }
    }
}
