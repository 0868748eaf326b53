# SPDX-License-Identifier: Apache-2.0
"""Configuration files of a small Apache Druid on 127.0.0.1; performs no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

HOST: Final = "127.0.0.1"

#: A process, its heap, its direct memory, and its arguments; in the order in which they start.
PROCESSES: Final = {
    "zookeeper": ("96m", "32m", ("org.apache.zookeeper.server.ZooKeeperServerMain",)),
    "coordinator": ("384m", "64m", ("org.apache.druid.cli.Main", "server", "coordinator")),
    "indexer": ("1g", "256m", ("org.apache.druid.cli.Main", "server", "indexer")),
    "broker": ("384m", "160m", ("org.apache.druid.cli.Main", "server", "broker")),
    "historical": ("256m", "160m", ("org.apache.druid.cli.Main", "server", "historical")),
    "router": ("96m", "64m", ("org.apache.druid.cli.Main", "server", "router")),
}


@dataclass(frozen=True)
class Version:
    """
    A version of Druid that can be started.

    :param number: Major version, the name of the file with its jars.
    :param base_port: First of seven ports in a row.
    :param extensions: Extensions with a class loader of their own.
    :param common: Properties that only this version needs.
    :param admin: Name and password of a user with all rights; None without security.
    """

    number: str
    base_port: int
    extensions: tuple[str, ...]
    common: str = ""
    admin: tuple[str, str] | None = None

    def port(self, name: str) -> int:
        """Return the port of a process, or of ``derby``, which runs inside the coordinator."""
        return self.base_port + (
            "zookeeper",
            "coordinator",
            "broker",
            "historical",
            "indexer",
            "derby",
            "router",
        ).index(name)


#: Nulls and booleans as in SQL: the default since 28, and what Polaris has, but not yet the default of 27.
_SQL_VALUES: Final = "druid.generic.useDefaultValueForNull=false\ndruid.expressions.useStrictBooleans=true\n"

#: Basic authentication, and an authorizer. Source: druid.apache.org/docs/latest/operations/security-overview.
_SECURITY: Final = """\
druid.auth.authenticatorChain=["basic"]
druid.auth.authenticator.basic.type=basic
druid.auth.authenticator.basic.initialAdminPassword=admin-password
druid.auth.authenticator.basic.initialInternalClientPassword=internal-password
druid.auth.authenticator.basic.credentialsValidator.type=metadata
druid.auth.authenticator.basic.skipOnFailure=false
druid.auth.authenticator.basic.authorizerName=basic
druid.auth.basic.common.pollingPeriod=2000
druid.auth.basic.common.maxRandomDelay=200
druid.escalator.type=basic
druid.escalator.internalClientUsername=druid_system
druid.escalator.internalClientPassword=internal-password
druid.escalator.authorizerName=basic
druid.auth.authorizers=["basic"]
druid.auth.authorizer.basic.type=basic
"""

#: 27.0.0 has the multi-stage query engine, so it runs jobs. 33.0.0 has the SQL of today and no such engine.
VERSIONS: Final = {
    "27": Version("27", 18080, ("druid-datasketches", "druid-histogram"), common=_SQL_VALUES),
    "33": Version("33", 18180, ("druid-datasketches",)),
    "27-secure": Version(
        "27",
        18280,
        ("druid-datasketches", "druid-basic-security"),
        common=_SQL_VALUES + _SECURITY,
        admin=("admin", "admin-password"),
    ),
}
#: Versions that are started if none is named.
USUAL: Final = ("27", "33")

LOG4J: Final = """\
<Configuration status="WARN">
  <Appenders>
    <Console name="C" target="SYSTEM_OUT"><PatternLayout pattern="%d{ISO8601} %p [%t] %c{1} - %m%n"/></Console>
  </Appenders>
  <Loggers>
    <Root level="info"><AppenderRef ref="C"/></Root>
    <Logger name="org.apache.zookeeper" level="warn"/>
    <Logger name="org.apache.curator" level="warn"/>
  </Loggers>
</Configuration>
"""


def files(version: Version, home: Path) -> dict[str, str]:
    """
    Return the configuration files of a version.

    :param version: The version.
    :param home: Absolute folder with ``conf``, ``ext`` and ``var``.
    :return: Text by path below ``conf``.
    """
    texts = {
        "log4j2.xml": LOG4J,
        "zoo.cfg": _zookeeper(version, home),
        "common.runtime.properties": _common(version, home) + version.common,
    }
    for name, text in _services(home).items():
        head = f"druid.service=druid/{name}\ndruid.plaintextPort={version.port(name)}\n"
        texts[f"{name}/runtime.properties"] = head + text
    return texts


def _zookeeper(version: Version, home: Path) -> str:
    return f"""\
tickTime=2000
dataDir={home}/var/zookeeper
clientPort={version.port("zookeeper")}
clientPortAddress={HOST}
admin.enableServer=false
maxClientCnxns=0
"""


def _common(version: Version, home: Path) -> str:
    extensions = ",".join(f'"{name}"' for name in version.extensions)
    derby = version.port("derby")
    return f"""\
druid.host={HOST}
druid.bindOnHost=true
druid.zk.service.host={HOST}:{version.port("zookeeper")}
druid.zk.paths.base=/druid
# The multi-stage query engine is on the class path; each other extension has a class loader of its own.
druid.extensions.searchCurrentClassloader=true
druid.extensions.directory={home}/ext
druid.extensions.loadList=[{extensions}]
druid.extensions.useExtensionClassloaderFirst=true
druid.startup.logging.logProperties=false
druid.emitter=noop
druid.metadata.storage.type=derby
druid.metadata.storage.connector.connectURI=jdbc:derby://{HOST}:{derby}/{home}/var/metadata.db;create=true
druid.metadata.storage.connector.host={HOST}
druid.metadata.storage.connector.port={derby}
druid.storage.type=local
druid.storage.storageDirectory={home}/var/segments
druid.indexer.logs.type=file
druid.indexer.logs.directory={home}/var/task-logs
druid.selectors.indexing.serviceName=druid/overlord
druid.selectors.coordinator.serviceName=druid/coordinator
druid.serverview.type=http
druid.sql.enable=true
druid.lookup.enableLookupSyncOnStartup=false
druid.server.http.numThreads=20
druid.global.http.numConnections=20
druid.indexing.doubleStorage=double
druid.processing.buffer.sizeBytes=25MiB
druid.processing.numThreads=1
druid.processing.numMergeBuffers=2
druid.processing.tmpDir={home}/var/tmp
"""


def _services(home: Path) -> dict[str, str]:
    return {
        "coordinator": """\
druid.coordinator.asOverlord.enabled=true
druid.coordinator.asOverlord.overlordService=druid/overlord
druid.coordinator.startDelay=PT1S
druid.coordinator.period=PT1S
druid.coordinator.loadqueuepeon.type=http
druid.coordinator.loadqueuepeon.http.repeatDelay=PT0.5S
druid.manager.segments.pollDuration=PT1S
druid.indexer.queue.startDelay=PT0S
druid.indexer.runner.type=httpRemote
druid.indexer.storage.type=metadata
""",
        "historical": f"""\
druid.segmentCache.locations=[{{"path":"{home}/var/segment-cache","maxSize":"20g"}}]
druid.segmentCache.announceIntervalMillis=500
druid.historical.cache.useCache=false
druid.historical.cache.populateCache=false
""",
        "broker": """\
druid.broker.http.numConnections=10
druid.broker.cache.useCache=false
druid.broker.cache.populateCache=false
druid.sql.planner.metadataRefreshPeriod=PT1S
""",
        "indexer": f"""\
druid.worker.capacity=6
druid.indexer.task.baseDir={home}/var/task
druid.indexer.task.baseTaskDir={home}/var/task
# Tasks that are shut down one after the other keep their slots for up to five minutes each by default.
druid.indexer.task.gracefulShutdownTimeout=PT1S
""",
        "router": """\
druid.router.managementProxy.enabled=true
druid.router.defaultBrokerServiceName=druid/broker
druid.router.coordinatorServiceName=druid/coordinator
druid.router.http.numConnections=10
druid.router.http.readTimeout=PT5M
""",
    }
