-- Orthanc hands every CR and DX it receives on to the CXR node, whose modality is called "cxr" in
-- Orthanc's configuration. What the node itself sent is left out: no result comes round again.
function OnStoredInstance(instanceId, tags, metadata, origin)
   local modality = tags['Modality']
   if (modality == 'CR' or modality == 'DX') and origin['RemoteAet'] ~= 'CXRNODE' then
      SendToModality(instanceId, 'cxr')
   end
end
