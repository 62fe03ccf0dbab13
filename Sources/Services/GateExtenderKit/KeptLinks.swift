import GateModel

/// The links that a replica keeps to workers, by what a directory names: begun at once, stopped a while after a worker
/// is named no more.
struct KeptLinks {
    private struct Kept {
        let link: KeptLink
        var missingSince: ContinuousClock.Instant?
    }

    private let grace: Duration
    private var kept: [WorkerAddress: Kept] = [:]

    init(grace: Duration) { self.grace = grace }

    /// The workers that there are, or with `nil` that time has passed. Returns the links to begin, and whether any
    /// worker is missing that still has its link.
    mutating func update(
        _ workers: Set<WorkerAddress>?, at now: ContinuousClock.Instant
    ) -> (begun: [(WorkerAddress, KeptLink)], hasMissing: Bool) {
        var begun: [(WorkerAddress, KeptLink)] = []
        if let workers {
            for (address, entry) in kept {
                kept[address]?.missingSince = workers.contains(address) ? nil : entry.missingSince ?? now
            }
            for address in workers where kept[address] == nil {
                let link = KeptLink()
                kept[address] = Kept(link: link)
                begun.append((address, link))
            }
        }
        for (address, entry) in kept {
            guard let since = entry.missingSince, since + grace <= now else { continue }
            entry.link.stop()
            kept[address] = nil
        }
        return (begun, kept.values.contains { $0.missingSince != nil })
    }
}

/// A task that can be stopped from outside of its group.
final class KeptLink: Sendable {
    private let stopped: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    init() { (stopped, continuation) = AsyncStream.makeStream() }

    func stop() { continuation.finish() }

    func run(_ work: @escaping @Sendable () async -> Void) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await work() }
            group.addTask { [stopped] in for await _ in stopped {} }
            await group.next()
            group.cancelAll()
        }
    }
}
