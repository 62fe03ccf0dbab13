// swift-tools-version: 6.2
import PackageDescription

// What a host program's manifest looks like; yours names a URL and a version instead of the path.
let quantumGate: [Target.Dependency] = [
    .product(name: "QuantumGate", package: "quantumgate"),
    .product(name: "GateExtenderKit", package: "quantumgate"),
]

let package = Package(
    name: "Embedding",
    platforms: [.macOS(.v15)],
    products: [.executable(name: "embedding-example", targets: ["EmbeddingExample"])],
    dependencies: [.package(name: "quantumgate", path: "../..")],
    targets: [
        .executableTarget(
            name: "EmbeddingExample", dependencies: quantumGate, swiftSettings: [.swiftLanguageMode(.v6)]),
        .executableTarget(name: "FirstNode", dependencies: quantumGate, swiftSettings: [.swiftLanguageMode(.v6)]),
    ]
)
