// Copyright: Contributors to the Sealift project
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

import com.amazonaws.services.dynamodbv2.local.main.ServerRunner;
import com.amazonaws.services.dynamodbv2.local.server.DynamoDBProxyServer;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;

/**
 * DynamoDB Local on 127.0.0.1: its own command line can only listen on every interface.
 *
 * Arguments: the process to end with, then DynamoDB Local's own. Prints the port once it listens.
 */
public final class LoopbackDynamoDBLocal {
    public static void main(String[] arguments) throws Exception {
        ProcessHandle.of(Long.parseLong(arguments[0])).ifPresentOrElse(
            parent -> parent.onExit().thenRun(() -> Runtime.getRuntime().halt(0)),
            () -> Runtime.getRuntime().halt(0));

        String[] own = java.util.Arrays.copyOfRange(arguments, 1, arguments.length);
        DynamoDBProxyServer proxy = ServerRunner.createServerFromCommandLineArgs(own);
        var field = DynamoDBProxyServer.class.getDeclaredField("server");
        field.setAccessible(true);
        Server server = (Server) field.get(proxy);
        ServerConnector connector = (ServerConnector) server.getConnectors()[0];
        connector.setHost("127.0.0.1");
        connector.setPort(0);
        server.start();
        System.out.println("port " + connector.getLocalPort());
        server.join();
    }
}
