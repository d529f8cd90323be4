// Copyright: Contributors to the Sealift project
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
// The npm package copy-dynamodb-table, as its README shows it.
// Usage: node copy_dynamodb_table.js SOURCE TARGET, with AWS_ENDPOINT_URL, AWS_REGION and credentials in the environment.
const { copy } = require('copy-dynamodb-table')

const config = {
  region: process.env.AWS_REGION,
  endpoint: process.env.AWS_ENDPOINT_URL,
  accessKeyId: process.env.AWS_ACCESS_KEY_ID,
  secretAccessKey: process.env.AWS_SECRET_ACCESS_KEY
}
const [source, target] = process.argv.slice(2)
copy({ config, source: { tableName: source }, destination: { tableName: target } }, (error, result) => {
  console.log(error || result)
  process.exit(error ? 1 : 0)
})
