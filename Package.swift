// swift-tools-version: 6.2
import PackageDescription

// One table of modules; targets, paths, settings and tests are derived from it. See the Architecture article.

enum Layer: Int, Comparable {
    case system, core, edge, services, extenders, programs, testKit

    var folder: String {
        switch self {
        case .system: "System"
        case .core: "Core"
        case .edge: "Edge"
        case .services: "Services"
        case .extenders: "Extenders"
        case .programs: "Programs"
        case .testKit: "TestKit"
        }
    }

    static func < (left: Layer, right: Layer) -> Bool { left.rawValue < right.rawValue }
}

struct Module {
    let name: String
    let layer: Layer
    var folder: String? = nil
    var uses: [String] = []
    var libraries: [Target.Dependency] = []
    var hasTests = true
    /// Below the module's folder: what is no source of the compiler's.
    var excluded: [String] = []
}

func nio(_ name: String) -> Target.Dependency { .product(name: name, package: "swift-nio") }
let nioCore = nio("NIOCore")
let nioPosix = nio("NIOPosix")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let x509 = Target.Dependency.product(name: "X509", package: "swift-certificates")
let asn1 = Target.Dependency.product(name: "SwiftASN1", package: "swift-asn1")
let protobuf = Target.Dependency.product(name: "SwiftProtobuf", package: "swift-protobuf")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let metrics = Target.Dependency.product(name: "Metrics", package: "swift-metrics")
let metricsCore = Target.Dependency.product(name: "CoreMetrics", package: "swift-metrics")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let signals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let configuration = Target.Dependency.product(name: "Configuration", package: "swift-configuration")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let subprocess = Target.Dependency.product(name: "Subprocess", package: "swift-subprocess")
let systemPackage = Target.Dependency.product(name: "SystemPackage", package: "swift-system")
let collections = Target.Dependency.product(name: "DequeModule", package: "swift-collections")

/// Arrows point up this list only: a module uses what stands above it, in its own layer or an earlier one.
let modules = [
    Module(name: "CSodium", layer: .system),
    Module(name: "CPostgres", layer: .system),
    Module(name: "CZlib", layer: .system),
    Module(name: "CWipe", layer: .system),
    Module(name: "CBoring", layer: .system),

    Module(name: "GateModel", layer: .core),
    Module(name: "GateCrypto", layer: .core, uses: ["CSodium", "CBoring", "GateModel"], libraries: [crypto, nioCore]),
    Module(name: "GateWire", layer: .core, uses: ["CZlib", "GateModel", "GateCrypto"], libraries: [nioCore]),
    Module(name: "GateAccess", layer: .core, uses: ["GateModel"]),
    Module(
        name: "GateSession", layer: .core, uses: ["GateModel", "GateCrypto", "GateWire", "GateAccess"],
        libraries: [nioCore]),
    Module(
        name: "GateRelay", layer: .core, uses: ["GateModel", "GateCrypto", "GateWire", "GateSession"],
        libraries: [nioCore]),
    Module(name: "GateRouting", layer: .core, uses: ["GateModel", "GateCrypto", "GateWire"], libraries: [nioCore]),
    Module(
        name: "GateLink", layer: .core, uses: ["GateModel"], libraries: [nioCore, protobuf], excluded: ["Protocol"]),
    Module(name: "GateStore", layer: .core, uses: ["GateModel", "GateAccess"]),

    Module(name: "GateTelemetry", layer: .edge, uses: ["GateModel"], libraries: [logging, metrics, metricsCore]),
    Module(
        name: "GateSettings", layer: .edge, uses: ["GateModel", "GateTelemetry"],
        libraries: [configuration, yams, systemPackage]),
    Module(
        name: "GateTransport", layer: .edge,
        uses: ["GateModel", "GateCrypto", "GateWire", "GateSession", "GateRelay", "GateTelemetry"],
        libraries: [nioCore, nioPosix, logging, metrics]),
    Module(
        name: "GateLinkTransport", layer: .edge, uses: ["GateModel", "GateLink", "GateTelemetry"],
        libraries: [nioCore, nioPosix, nio("NIOTLS"), nioSSL, x509, asn1, crypto, logging, metrics, metricsCore]),
    Module(
        name: "GateLinkStore", layer: .edge,
        uses: ["GateModel", "GateLink", "GateStore", "GateTelemetry", "GateLinkTransport"],
        libraries: [nioCore, protobuf, logging], excluded: ["Protocol"]),
    Module(
        name: "GateSQLite", layer: .edge, uses: ["GateModel", "GateAccess", "GateStore"], libraries: [grdb]),
    Module(
        name: "GatePostgres", layer: .edge, uses: ["CPostgres", "GateModel", "GateAccess", "GateStore"],
        libraries: [logging, collections]),

    Module(
        name: "GateKernel", layer: .services,
        uses: [
            "GateModel", "GateCrypto", "GateWire", "GateSession", "GateRelay", "GateRouting", "GateAccess",
            "GateLink", "GateStore", "GateTelemetry", "GateTransport", "GateLinkTransport", "GateLinkStore",
            "GateSettings",
        ],
        libraries: [nioCore, nioPosix, nioSSL, logging, metrics, metricsCore, lifecycle]),
    Module(
        name: "GateDatabase", layer: .services,
        uses: [
            "CSodium", "GateModel", "GateAccess", "GateCrypto", "GateSession", "GateLink", "GateStore", "GateTelemetry",
            "GateLinkTransport", "GateLinkStore", "GateSettings", "GateSQLite", "GatePostgres",
        ],
        libraries: [nioCore, nioPosix, nioSSL, logging, metrics, lifecycle, crypto]),
    Module(
        name: "GateExtenderKit", layer: .services,
        uses: ["GateModel", "GateLink", "GateStore", "GateTelemetry", "GateLinkTransport", "GateLinkStore"],
        libraries: [nioCore, nioPosix, nioSSL, logging, metrics, lifecycle]),
    Module(
        name: "QuantumGate", layer: .services,
        uses: [
            "GateModel", "GateCrypto", "GateStore", "GateLink", "GateLinkTransport", "GateSettings", "GateTelemetry",
            "GateSQLite", "GateKernel", "GateDatabase", "GateExtenderKit", "GateTransport",
        ],
        libraries: [nioCore, nioPosix, logging, lifecycle]),
    Module(
        name: "GateAdmin", layer: .services, uses: ["GateModel", "GateTelemetry"],
        libraries: [hummingbird, logging, metrics, lifecycle, signals]),
    Module(
        name: "GateSupervisor", layer: .services, uses: ["GateModel", "GateTelemetry"],
        libraries: [subprocess, systemPackage, logging, lifecycle]),
    Module(
        name: "GateCommand", layer: .services,
        uses: [
            "CSodium", "CWipe", "GateModel", "GateCrypto", "GateWire", "GateSession", "GateRelay", "GateRouting",
            "GateAccess", "GateLink",
            "GateStore", "GateTelemetry", "GateSettings", "GateTransport", "GateLinkTransport", "GateLinkStore",
            "GateSQLite", "GateKernel", "GateDatabase", "GateExtenderKit", "QuantumGate", "GateAdmin",
            "GateSupervisor",
        ],
        libraries: [
            arguments, nioCore, nioPosix, nioSSL, crypto, logging, metrics, lifecycle, signals, subprocess,
            systemPackage,
        ]),

    Module(
        name: "Socks5", layer: .extenders, uses: ["GateModel", "GateExtenderKit"],
        libraries: [nioCore, nioPosix, logging]),

    Module(
        name: "gate-kernel", layer: .programs, folder: "GateKernelProgram",
        uses: [
            "CWipe", "GateCrypto", "GateModel", "GateSettings", "GateTelemetry", "GateLink", "GateLinkTransport",
            "GateLinkStore", "GateKernel", "GateAdmin",
        ],
        libraries: [arguments, nioPosix, logging, lifecycle], hasTests: false),
    Module(
        name: "gate-database", layer: .programs, folder: "GateDatabaseProgram",
        uses: [
            "CWipe", "GateCrypto", "GateModel", "GateSettings", "GateTelemetry", "GateLinkTransport", "GateDatabase",
            "GateAdmin",
        ],
        libraries: [arguments, nioPosix, logging, lifecycle], hasTests: false),
    Module(
        name: "gate-socks5", layer: .programs, folder: "GateSocks5Program",
        uses: [
            "CWipe", "GateCrypto", "GateModel", "GateSettings", "GateTelemetry", "GateLink", "GateLinkTransport",
            "GateLinkStore", "GateExtenderKit", "Socks5", "GateAdmin",
        ],
        libraries: [arguments, nioPosix, logging, lifecycle], hasTests: false),
    Module(
        name: "QuantumGateProgram", layer: .programs, uses: ["CWipe", "GateCommand"],
        libraries: [arguments], hasTests: false),

    Module(
        name: "GateTestKit", layer: .testKit,
        uses: [
            "GateModel", "GateCrypto", "GateWire", "GateSession", "GateRelay", "GateAccess", "GateStore", "GateLink",
            "GateLinkTransport", "GateExtenderKit",
        ],
        libraries: [nioCore, logging], hasTests: false),
]

for (index, module) in modules.enumerated() {
    for used in module.uses {
        let position = modules.firstIndex { $0.name == used } ?? .max
        precondition(
            position < index && modules[position].layer <= module.layer, "\(module.name) may not use \(used)")
        precondition(
            module.layer != .extenders || ["GateExtenderKit", "GateModel"].contains(used),
            "extender \(module.name) may use GateExtenderKit and GateModel only, not \(used)")
    }
}

// With GATE_FUZZ=1 our modules are instrumented, and there is a program `fuzz` (see `.ci/fuzz`); otherwise its unsafe
// flags would bar us as a dependency.
let isFuzzing = Context.environment["GATE_FUZZ"] == "1"
let instrumented: [SwiftSetting] =
    isFuzzing ? [.unsafeFlags(["-sanitize=fuzzer,address", "-assert-config", "Debug"])] : []
let instrumentedC: [CSetting] = isFuzzing ? [.unsafeFlags(["-fsanitize=fuzzer-no-link,address"])] : []

let strict: [SwiftSetting] =
    [
        .swiftLanguageMode(.v6),
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
        .treatAllWarnings(as: .error),
    ] + instrumented

let systemLibraries = ["CSodium", "CPostgres", "CZlib"]

func target(_ module: Module) -> Target {
    let path = "Sources/\(module.layer.folder)/\(module.folder ?? module.name)"
    let dependencies = module.uses.map { Target.Dependency.byName(name: $0) } + module.libraries
    if systemLibraries.contains(module.name) { return .systemLibrary(name: module.name, path: path) }
    switch module.layer {
    case .system:
        // Sanitizers bring an allocator of their own, beside which `CWipe` has no place.
        return .target(name: module.name, path: path, cSettings: module.name == "CWipe" ? [] : instrumentedC)
    case .programs:
        return .executableTarget(name: module.name, dependencies: dependencies, path: path, swiftSettings: strict)
    case .core, .edge, .services, .extenders, .testKit:
        return .target(
            name: module.name, dependencies: dependencies, path: path, exclude: module.excluded, swiftSettings: strict)
    }
}

func testTarget(_ name: String, _ modules: [String], _ libraries: [Target.Dependency] = []) -> Target {
    .testTarget(
        name: "\(name)Tests", dependencies: modules.map { .byName(name: $0) } + libraries,
        path: "Tests/\(name)Tests", exclude: name == "GateCrypto" ? ["Oracle"] : [], swiftSettings: strict)
}

let moduleTests =
    modules
    .filter { $0.layer != .system && $0.hasTests }
    .map { testTarget($0.name, [$0.name] + $0.uses.filter { !$0.hasPrefix("C") } + ["GateTestKit"], $0.libraries) }

/// Programs that tests start: the same probe with and without `CWipe`.
let memoryProbe = Target.target(
    name: "MemoryProbe",
    dependencies: ["GateModel", "GateCrypto", "GateWire", "GateSession", "GateTestKit"].map { .byName(name: $0) }
        + [nioCore, crypto],
    path: "Tests/Programs/MemoryProbe", swiftSettings: strict)

func memoryProbeProgram(_ name: String, _ folder: String, _ uses: [String] = []) -> Target {
    .executableTarget(
        name: name, dependencies: (["MemoryProbe"] + uses).map { .byName(name: $0) }, path: "Tests/Programs/\(folder)",
        swiftSettings: strict)
}

/// What is given arbitrary bytes; ordinary tests replay it, the program searches it.
let fuzzEntries = Target.target(
    name: "FuzzEntries",
    dependencies: [
        "GateModel", "GateCrypto", "GateWire", "GateSession", "GateRelay", "GateLink", "GateStore", "GateSettings",
        "GateLinkTransport", "GateLinkStore", "GateDatabase", "Socks5", "GateTestKit",
    ].map { .byName(name: $0) } + [nioCore],
    path: "Tests/Fuzz/Entries", swiftSettings: strict)

let fuzzProgram: [Target] =
    isFuzzing
    ? [
        .executableTarget(
            name: "fuzz", dependencies: ["FuzzEntries"], path: "Tests/Fuzz/Program", swiftSettings: strict,
            linkerSettings: [.unsafeFlags(["-sanitize=fuzzer,address", "-use-ld=lld"])])
    ] : []

let package = Package(
    name: "QuantumGate",
    platforms: [.macOS(.v15)],
    products: [
        .library(name: "QuantumGate", targets: ["QuantumGate"]),
        .library(name: "GateExtenderKit", targets: ["GateExtenderKit"]),
        .executable(name: "quantumgate", targets: ["QuantumGateProgram"]),
        .executable(name: "gate-kernel", targets: ["gate-kernel"]),
        .executable(name: "gate-database", targets: ["gate-database"]),
        .executable(name: "gate-socks5", targets: ["gate-socks5"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", .upToNextMinor(from: "2.101.2")),
        .package(url: "https://github.com/apple/swift-nio-ssl", .upToNextMinor(from: "2.37.6")),
        .package(url: "https://github.com/apple/swift-crypto", .upToNextMinor(from: "4.5.2")),
        .package(url: "https://github.com/apple/swift-certificates", .upToNextMinor(from: "1.21.1")),
        .package(url: "https://github.com/apple/swift-asn1", .upToNextMinor(from: "1.7.4")),
        .package(url: "https://github.com/apple/swift-protobuf", .upToNextMinor(from: "1.39.0")),
        .package(url: "https://github.com/apple/swift-log", .upToNextMinor(from: "1.16.2")),
        .package(url: "https://github.com/apple/swift-metrics", .upToNextMinor(from: "2.13.0")),
        .package(url: "https://github.com/apple/swift-collections", .upToNextMinor(from: "1.6.0")),
        .package(url: "https://github.com/apple/swift-system", .upToNextMinor(from: "1.8.1")),
        .package(url: "https://github.com/apple/swift-argument-parser", .upToNextMinor(from: "1.8.2")),
        .package(
            url: "https://github.com/apple/swift-configuration", .upToNextMinor(from: "1.4.0"),
            traits: [.defaults, "YAML"]),
        .package(
            url: "https://github.com/swift-server/swift-service-lifecycle", .upToNextMinor(from: "2.13.0")),
        .package(url: "https://github.com/swiftlang/swift-subprocess", .upToNextMinor(from: "1.0.2")),
        .package(url: "https://github.com/hummingbird-project/hummingbird", .upToNextMinor(from: "2.28.1")),
        .package(url: "https://github.com/groue/GRDB.swift", .upToNextMinor(from: "7.10.0")),
        .package(url: "https://github.com/jpsim/Yams", .upToNextMinor(from: "6.2.2")),
    ],
    targets: modules.map(target) + moduleTests + fuzzProgram
        + [
            testTarget("Architecture", []),
            testTarget(
                "Vectors",
                ["GateModel", "GateCrypto", "GateWire", "GateSession", "GateRelay", "GateLink", "GateTestKit"],
                [nioCore]),
            fuzzEntries, testTarget("FuzzReplay", ["FuzzEntries", "GateTestKit"]),
            memoryProbe, memoryProbeProgram("memory-probe", "MemoryProbeWiped", ["CWipe"]),
            memoryProbeProgram("memory-probe-unwiped", "MemoryProbeUnwiped"),
            testTarget(
                "Acceptance",
                [
                    "GateModel", "GateTestKit", "GateCommand", "GateLink", "GateLinkTransport", "GateSession",
                    "GateTransport",
                ], [nioCore, nioPosix, nioSSL, logging]),
        ]
)
