import Dispatch
import NIOCore
import Synchronization

/// The event loops of the attached links, in turn.
final class LinkEventLoops: EventLoopGroup, Sendable {
    private let core: ExtenderCore
    private let fallback: any EventLoopGroup
    private let turn = Atomic<Int>(0)

    init(core: ExtenderCore, fallback: any EventLoopGroup) {
        self.core = core
        self.fallback = fallback
    }

    func next() -> any EventLoop {
        let links = core.attachedLinks
        guard !links.isEmpty else { return fallback.next() }
        return links[turn.wrappingAdd(1, ordering: .relaxed).newValue.magnitudeModulo(links.count)].eventLoop
    }

    func any() -> any EventLoop { next() }

    func makeIterator() -> EventLoopIterator { EventLoopIterator(core.attachedLinks.map(\.eventLoop)) }

    /// Does nothing: the loops belong to others.
    func shutdownGracefully(queue: DispatchQueue, _ callback: @escaping @Sendable ((any Error)?) -> Void) {
        queue.async { callback(nil) }
    }
}

extension Int {
    fileprivate func magnitudeModulo(_ divisor: Int) -> Int { Int(magnitude % UInt(divisor)) }
}
