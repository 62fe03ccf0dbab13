internal import ArgumentParser
internal import GateStore

struct CircuitsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "circuits",
        abstract: "Lists the circuits that this node's workers hold now, as origin, hop or destination.",
        discussion: "A hop knows its two neighbours, never both ends; so does this listing.")
    @OptionGroup var node: NodeOptions
    @OptionGroup var listing: ListingOptions

    func run() async throws {
        let workers = try await OperatorLink.with(node) { store in try await store.workers() }
        let reports = await KernelReport.all(of: workers)
        printLine(
            try KernelReport.listing("circuits", of: reports, empty: "No circuits.").text(json: listing.json))
    }
}

struct ExtendersCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "extenders", abstract: "Lists the extenders that are attached to this node's workers now.")
    @OptionGroup var node: NodeOptions
    @OptionGroup var listing: ListingOptions

    func run() async throws {
        let workers = try await OperatorLink.with(node) { store in try await store.workers() }
        let reports = await KernelReport.all(of: workers)
        printLine(
            try KernelReport.listing("extenders", of: reports, empty: "No extender is attached.")
                .text(json: listing.json))
    }
}
