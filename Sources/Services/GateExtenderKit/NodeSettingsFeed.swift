package import GateStore

/// Node settings as an extender sees them: the keys that its rights let it read, in text form.
public protocol NodeSettingsFeed: Sendable {
    /// Tells all values of keys that begin with `prefix`, defaults included, now and after every change. Returns when
    /// nothing more will change, or on cancellation.
    func follow(prefix: String, _ tell: @Sendable ([String: String]) -> Void) async throws
}

/// Settings that never change.
public struct FixedNodeSettings: NodeSettingsFeed {
    private let values: [String: String]

    /// Always these, and the defaults of other keys.
    public init(_ values: [String: String] = [:]) { self.values = values }

    /// These, once.
    public func follow(prefix: String, _ tell: @Sendable ([String: String]) -> Void) async throws {
        tell(visible(prefix) { values[$0.key] ?? $0.fallback })
    }
}

/// Settings in the node's database.
package struct StoredNodeSettings: NodeSettingsFeed {
    private let store: any SettingsStore
    private let feed: any ChangeFeed

    /// Pause after a reading that failed.
    static let retry = Duration.milliseconds(500)

    package init(store: any SettingsStore, feed: any ChangeFeed) {
        self.store = store
        self.feed = feed
    }

    package func follow(prefix: String, _ tell: @Sendable ([String: String]) -> Void) async throws {
        for await _ in try await feed.changes(of: [.settings]) {
            // A change that can't be read now is read as soon as it can.
            var values = try? await store.values()
            while values == nil, !Task.isCancelled {
                try? await Task.sleep(for: StoredNodeSettings.retry)
                values = try? await store.values()
            }
            if let values { tell(visible(prefix) { values.text(of: $0) }) }
        }
    }
}

private func visible(_ prefix: String, _ text: (SettingDefinition) -> String) -> [String: String] {
    var values: [String: String] = [:]
    for definition in NodeSettings.all where definition.key.hasPrefix(prefix) {
        values[definition.key] = text(definition)
    }
    return values
}
