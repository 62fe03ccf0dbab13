/// What is served over links, each caller within its rights.
package typealias ServedStore = SettingsStore & PeerStore & AccessStore & WorkerStore & SessionRegister & RefusalStore
    & RightsStore & ReputationStore & ExtenderDataStore & ChangeFeed

/// Everything that a node keeps, the vault's sealed rows and the sessions' sealed secrets too: what a database is.
package typealias NodeStore = ServedStore & SessionStore & VaultStore

/// What a kernel worker uses: served over its link, or directly where both are in one process.
package typealias KernelStore = SettingsStore & PeerStore & AccessStore & WorkerStore & SessionKeeper & RefusalStore
    & RightsStore & ReputationStore & WorkerCertifier & ChangeFeed

/// What an extender uses: its own data, settings that it may read, and where the workers are.
package typealias ExtenderStore = SettingsStore & WorkerStore & ExtenderDataStore & ChangeFeed

/// The present moment as stores see it: milliseconds since 1970 (UTC). Given, so that tests can turn it.
package typealias StoreClock = @Sendable () -> Int64
