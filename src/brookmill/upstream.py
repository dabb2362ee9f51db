"""The names upstream knows, per family. A name without a member in its registry is known but not done."""

from __future__ import annotations


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: operationIds of the Admin API: Streams, and the neighbours that clients call in a streams workflow.
OPERATIONS = _names("""
    acceptGroupStreamVpcPeeringConnection addGroupApiKey createGroup createGroupApiKey
    createGroupServiceAccount createGroupServiceAccountAccessList createGroupServiceAccountSecret
    createGroupStreamConnection createGroupStreamConnectionFailoverConnection
    createGroupStreamPrivateLinkConnection createGroupStreamProcessor createGroupStreamWorkspace
    createGroupStreamsWorkspacePrivateEndpoint createOrgApiKey createOrgApiKeyAccessListEntry
    createOrgServiceAccount createOrgServiceAccountAccessList createOrgServiceAccountSecret deleteGroup
    deleteGroupServiceAccount deleteGroupServiceAccountAccessListEntry deleteGroupServiceAccountSecret
    deleteGroupStreamConnection deleteGroupStreamConnectionFailoverConnection
    deleteGroupStreamPrivateLinkConnection deleteGroupStreamProcessor
    deleteGroupStreamVpcPeeringConnection deleteGroupStreamWorkspace
    deleteGroupStreamsWorkspacePrivateEndpoint deleteOrgApiKey deleteOrgApiKeyAccessListEntry
    deleteOrgServiceAccount deleteOrgServiceAccountAccessListEntry deleteOrgServiceAccountSecret
    downloadGroupStreamAuditLogs downloadGroupStreamOperationalLogs getGroup getGroupByName
    getGroupCluster getGroupServiceAccount getGroupStreamAccountDetails getGroupStreamConnection
    getGroupStreamConnectionFailoverConnection getGroupStreamPrivateLinkConnection
    getGroupStreamProcessor getGroupStreamProcessors getGroupStreamWorkspace
    getGroupStreamsWorkspacePrivateEndpoint getOrg getOrgApiKey getOrgApiKeyAccessListEntry getOrgGroups
    getOrgServiceAccount getOrgServiceAccountGroups getRateLimit getSystemStatus
    inviteGroupServiceAccount listClusterDetails listGroupApiKeys listGroupClusters
    listGroupServiceAccountAccessList listGroupServiceAccounts
    listGroupStreamActiveVpcPeeringConnections listGroupStreamConnectionFailoverConnections
    listGroupStreamConnections listGroupStreamPrivateLinkConnections
    listGroupStreamVpcPeeringConnections listGroupStreamWorkspaces
    listGroupStreamsWorkspacePrivateEndpoints listGroups listOrgApiKeyAccessListEntries listOrgApiKeys
    listOrgServiceAccountAccessList listOrgServiceAccounts listOrgs listRateLimits
    rejectGroupStreamVpcPeeringConnection removeGroupApiKey startGroupStreamProcessor
    startGroupStreamProcessorWith stopGroupStreamProcessor updateGroup updateGroupApiKeyRoles
    updateGroupServiceAccount updateGroupStreamConnection updateGroupStreamConnectionFailoverConnection
    updateGroupStreamPrivateLinkConnection updateGroupStreamProcessor updateGroupStreamWorkspace
    updateOrgApiKey updateOrgServiceAccount withGroupStreamSampleConnections
    getGroupIpAddresses getGroupSettings listGroupLimits listGroupTeams listGroupUsers
""")

CONNECTION_TYPES = _names("""
    AWSKinesisDataStreams AWSLambda AzureBlobStorage Cluster GCPPubSub Https Kafka S3 Sample SchemaRegistry
""")

#: Stages of stream processors.
STAGES = _names("""
    $addFields $cachedLookup $count $emit $externalFunction $group $hoppingWindow $https $iceberg $limit
    $lookup $match $merge $project $redact $replaceRoot $replaceWith $sessionWindow $set $setStreamMeta
    $sort $source $throttle $tumblingWindow $unset $unwind $validate $vectorSearch
""")

#: MongoDB's other stages: a stream processor refuses them.
FOREIGN_STAGES = _names("""
    $bucket $bucketAuto $changeStream $changeStreamSplitLargeEvent $collStats $currentOp $densify
    $documents $facet $fill $geoNear $graphLookup $indexStats $listClusterCatalog $listLocalSessions
    $listSampledQueries $listSearchIndexes $listSessions $out $planCacheStats $querySettings $queryStats
    $rankFusion $rerank $sample $score $scoreFusion $search $searchMeta $setWindowFields
    $shardedDataDistribution $skip $sortByCount $unionWith
""")

#: Aggregation expression operators.
EXPRESSIONS = _names("""
    $abs $acos $acosh $add $allElementsTrue $and $anyElementTrue $arrayElemAt $arrayToObject $asin
    $asinh $atan $atan2 $atanh $avg $binarySize $bitAnd $bitNot $bitOr $bitXor $bottom $bottomN
    $bsonSize $ceil $cmp $concat $concatArrays $cond $convert $cos $cosh $createObjectId $createUUID
    $currentDate $dateAdd $dateDiff $dateFromParts $dateFromString $dateSubtract $dateToParts
    $dateToString $dateTrunc $dayOfMonth $dayOfWeek $dayOfYear $degreesToRadians $deserializeEJSON
    $divide $eq $exp $filter $first $firstN $floor $function $getField $gt $gte $hash $hexHash $hour
    $ifNull $in $indexOfArray $indexOfBytes $indexOfCP $isArray $isNumber $isoDayOfWeek $isoWeek
    $isoWeekYear $last $lastN $let $literal $ln $log $log10 $lt $lte $ltrim $map $max $maxN $median
    $mergeObjects $meta $millisecond $min $minN $minute $mod $month $multiply $ne $not $objectToArray
    $or $percentile $pow $radiansToDegrees $rand $range $reduce $regexFind $regexFindAll $regexMatch
    $replaceAll $replaceOne $reverseArray $round $rtrim $second $serializeEJSON $setDifference
    $setEquals $setField $setIntersection $setIsSubset $setUnion $sigmoid $similarityCosine
    $similarityDotProduct $similarityEuclidean $sin $sinh $size $slice $sortArray $split $sqrt
    $stdDevPop $stdDevSamp $strcasecmp $strLenBytes $strLenCP $substr $substrBytes $substrCP $subtract
    $subtype $sum $switch $tan $tanh $toArray $toBool $toDate $toDecimal $toDouble $toHashedIndexKey
    $toInt $toLong $toLower $toObject $toObjectId $top $topN $toString $toUpper $toUUID $trim $trunc
    $tsIncrement $tsSecond $type $unsetField $week $year $zip
""")

#: Operators of ``$group`` inside windows.
ACCUMULATORS = _names("""
    $accumulator $addToSet $avg $bottom $bottomN $concatArrays $count $first $firstN $last $lastN $max
    $maxN $median $mergeObjects $min $minN $percentile $push $setUnion $stdDevPop $stdDevSamp $sum $top
    $topN
""")

#: Operators of ``$match``.
QUERY_OPERATORS = _names("""
    $all $and $bitsAllClear $bitsAllSet $bitsAnyClear $bitsAnySet $box $center $centerSphere $comment
    $elemMatch $eq $exists $expr $geoIntersects $geometry $geoWithin $gt $gte $in $jsonSchema $lt $lte
    $maxDistance $minDistance $mod $ne $near $nearSphere $nin $nor $not $or $polygon $rand $regex
    $sampleRate $size $text $type $where
""")
