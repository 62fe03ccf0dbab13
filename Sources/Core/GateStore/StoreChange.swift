package import GateModel

/// What can be watched. Sessions, refusals, reputations and sightings of peers change too often and are not.
package enum StoreTopic: Hashable, Sendable {
    /// Node settings; the key is the setting's.
    case settings
    /// Peers: added, removed, access or endpoints changed; the key is the UUID's text.
    case peers
    /// Address rules; the key is the rule's text.
    case addressRules
    /// Bans given, earned, lengthened or lifted (not: ended by themselves); the key is the subject's text.
    case bans
    /// Workers registered, draining or gone (not: load, renewal); the key is the worker's name.
    case workers
    /// Rights of link names; the key is the name.
    case rights
    /// One extender's data; the key is the data's key in hexadecimal.
    case data(ExtenderID)
}

/// One element of a watch: which row to read again. It carries no value, so it can neither be stale nor leak.
package enum StoreChange: Hashable, Sendable {
    /// Read everything again: the first element of every watch, and after a lost link or too long a lag.
    case resynchronise
    /// This row was written or removed.
    case changed(StoreTopic, key: String)
}

/// Tells who listens what has changed.
package protocol ChangeFeed: Sendable {
    /// Changes of `topics`, beginning with `.resynchronise`; ends when the store closes. Never blocks writers.
    func changes(of topics: Set<StoreTopic>) async throws(StoreFailure) -> AsyncStream<StoreChange>
}

/// Hands changes to watchers within one process.
///
/// A watcher that lags by more than `StoreLimit.watchedChanges` loses the oldest changes and finds
/// `.resynchronise` behind them; nobody waits for it. Watchers that went away are dropped at the next change.
package actor ChangeHub {
    fileprivate struct Watcher {
        let topics: Set<StoreTopic>
        let continuation: AsyncStream<StoreChange>.Continuation
    }

    private var watchers: [Watcher] = []
    private var isClosed = false

    package init() {}

    /// A new watch.
    package func watch(_ topics: Set<StoreTopic>) -> AsyncStream<StoreChange> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: StoreChange.self, bufferingPolicy: .bufferingNewest(StoreLimit.watchedChanges))
        continuation.yield(.resynchronise)
        if isClosed {
            continuation.finish()
        } else {
            watchers.append(Watcher(topics: topics, continuation: continuation))
        }
        return stream
    }

    /// Tells watchers what was committed.
    package func publish(_ changes: [StoreChange]) {
        guard !changes.isEmpty else { return }
        watchers.removeAll { watcher in !watcher.deliver(changes) }
    }

    /// Ends every watch, now and later.
    package func close() {
        isClosed = true
        for watcher in watchers { watcher.continuation.finish() }
        watchers = []
    }

    /// How many watches there are, those included that went away since the last change.
    package var watcherCount: Int { watchers.count }
}

extension ChangeHub.Watcher {
    /// Whether the watcher still listens.
    fileprivate func deliver(_ changes: [StoreChange]) -> Bool {
        for change in changes {
            if case .changed(let topic, _) = change, !topics.contains(topic) { continue }
            switch continuation.yield(change) {
            case .dropped: continuation.yield(.resynchronise)
            case .terminated: return false
            case .enqueued: continue
            @unknown default: continue
            }
        }
        return true
    }
}
